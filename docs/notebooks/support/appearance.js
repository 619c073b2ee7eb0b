// A notebook is light or dark as the site was switched, which VitePress keeps, and as the system is where it was not. This stands
// behind the two themes of the kit, which know the system alone.
{
  const themes = [...document.querySelector('body > style').sheet.cssRules].map(({ media }) => ({
    media,
    name: media.mediaText.includes('dark') ? 'dark' : 'light',
    system: media.mediaText,
  }))

  const apply = () => {
    const choice = localStorage.getItem('vitepress-theme-appearance')
    for (const { media, name, system } of themes) {
      media.mediaText =
        choice === 'dark' || choice === 'light' ? (choice === name ? 'all' : 'not all') : system
    }
  }

  apply()
  // From another tab, or back from the site without a new load.
  addEventListener('storage', apply)
  addEventListener('pageshow', apply)
}
