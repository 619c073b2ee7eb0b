// Pieces of HTML that both parts of the page use.

export const percent = (x: number, digits = 1): string => `${(100 * x).toFixed(digits)} %`
export const seconds = (x: number): string => `${x.toFixed(x < 1 ? 2 : 1)} s`

export const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

/** One finding: a heading that says it, some lines that explain it, and the figure. */
export function finding(id: string, heading: string, text: string, figure: string, caption: string): string {
  return `<section id="${id}">
<h3>${heading}</h3>
${text
  .split('\n\n')
  .map((paragraph) => `<p>${paragraph}</p>`)
  .join('\n')}
<figure>
${figure}
<figcaption>${caption}</figcaption>
</figure>
</section>`
}

export const chartBox = (svg: string): string => `<div class="chart">${svg}</div>`

/** Large numbers with what they mean below. */
export function numbers(entries: readonly (readonly [value: string, meaning: string])[]): string {
  const items = entries.map(([value, meaning]) => `<div><dt>${meaning}</dt><dd>${value}</dd></div>`)
  return `<dl class="numbers">${items.join('')}</dl>`
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const header = head.map((cell) => `<th scope="col">${cell}</th>`).join('')
  const body = rows.map(
    ([first, ...rest]) =>
      `<tr><th scope="row">${first}</th>${rest.map((cell) => `<td>${cell}</td>`).join('')}</tr>`,
  )
  return `<div class="scroll" tabindex="0" role="region" aria-label="Table"><table class="table"><thead><tr>${header}</tr></thead><tbody>${body.join('')}</tbody></table></div>`
}
