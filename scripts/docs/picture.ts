// A drawing of Observable Plot as a file of its own. It stands on a ground that it brings along, and both follow
// the reader's light or dark scheme; so it can be read wherever it is shown, on paper too.

const COLOURS = `svg { background: var(--ground); color: var(--ink); --ground: #ffffff; --ink: #20201d; --muted: #66645d; --first: #0a5fa8; --second: #b5411b; }
@media (prefers-color-scheme: dark) { svg { --ground: #1b1e23; --ink: #e9e6df; --muted: #a5a299; --first: #6cb6f5; --second: #f29268; } }`

/** The colours of a picture, for strokes and fills. */
export const [FIRST, SECOND, MUTED] = ['var(--first)', 'var(--second)', 'var(--muted)']

/** The text of an SVG file; `label` is what it shows, for who does not see it. */
export function pictureOf(plot: Element, label: string): string {
  plot.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  plot.setAttribute('role', 'img')
  plot.setAttribute('aria-label', label)
  return `${plot.outerHTML.replace('</style>', `\n${COLOURS}</style>`)}\n`
}
