// A notebook is light or dark as the site was switched, which VitePress keeps, and as the system is where it was not. The build
// puts this into the page itself, behind the two themes of the kit, which know the system alone.
{
  const { sheet } = document.querySelector<HTMLStyleElement>('body > style')!
  const themes = Array.from(sheet!.cssRules, (rule) => {
    const { media } = rule as CSSMediaRule
    return { media, system: media.mediaText, name: media.mediaText.includes('dark') ? 'dark' : 'light' }
  })

  const apply = (): void => {
    const choice = localStorage.getItem('vitepress-theme-appearance')
    for (const { media, system, name } of themes) {
      if (choice === 'dark' || choice === 'light') media.mediaText = choice === name ? 'all' : 'not all'
      else media.mediaText = system
    }
  }

  apply()
  // From another tab, or back from the site without a new load.
  addEventListener('storage', apply)
  addEventListener('pageshow', apply)
}
