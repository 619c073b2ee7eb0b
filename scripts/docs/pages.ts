import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { notebookNames } from './notebooks.js'

// The pages of the site are Markdown files of the repository as they stand, wherever they lie: they are copied
// to one folder, and their links to each other are turned to where the copies are.

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Where a file of the repository comes to lie on the site; undefined where it is not on it. */
function placeOf(file: string): string | undefined {
  const moved = MOVED[file]
  if (moved !== undefined) return moved
  const inDocs = file.startsWith('docs/') ? file.slice('docs/'.length) : undefined
  if (inDocs?.startsWith('notebooks/') === true) return inDocs.endsWith('.html') ? inDocs : undefined
  return inDocs?.startsWith('.') === true ? undefined : inDocs
}

const MOVED: Readonly<Record<string, string>> = {
  'bench/results.md': 'benchmarks.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'docs/notebooks': 'notebooks.md',
  'docs/experiments': 'experiments/index.md',
}

/** Copies all pages and pictures into `out`. Throws where a page links to what is not on the site. */
export function writePages(out: string): void {
  rmSync(out, { recursive: true, force: true })
  const found = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) =>
    posix.join('docs', name.replaceAll('\\', '/')),
  )
  const files = [...found, ...Object.keys(MOVED)].filter((file) => /\.(md|svg|png)$/.test(file))
  for (const file of files) {
    const place = placeOf(file)
    if (place === undefined) continue
    const target = join(out, place)
    mkdirSync(dirname(target), { recursive: true })
    if (!file.endsWith('.md')) cpSync(join(root, file), target)
    else writeFileSync(target, withLinks(readFileSync(join(root, file), 'utf8'), file, place))
  }
  writeFileSync(join(out, 'experiments/index.md'), experimentsIndex())
}

/** A page's text with its relative links and pictures as they must be at `place`. */
function withLinks(text: string, file: string, place: string): string {
  const turn = (link: string): string => {
    const [path = '', hash] = link.split('#')
    if (path === '' || /^[a-z]+:/.test(path)) return link
    const target = posix.join(dirname(file), path).replace(/\/$/, '')
    const to = placeOf(target)
    if (to === undefined || !(existsSync(join(root, target)) || isGenerated(to))) {
      throw new Error(`${file}: a link to ${link}, which is not on the site`)
    }
    return posix.relative(posix.dirname(place), to) + (hash === undefined ? '' : `#${hash}`)
  }
  return text
    .replace(/(\]\()([^)\s]+)(\))/g, (_, open: string, link: string, close: string) => {
      const turned = turn(link)
      // Notebooks are pages of their own, which the site's router must leave alone.
      return `${open}${turned}${close}${turned.includes('notebooks/') ? '{target="_self"}' : ''}`
    })
    .replace(/(^ *link: )(\S+\.(?:md|html))$/gm, (_, key: string, link: string) => key + turn(link))
}

/** What other parts of the build write. */
const isGenerated = (place: string): boolean => place.startsWith('api/')

function experimentsIndex(): string {
  const folder = join(root, 'docs/experiments')
  const lines = readdirSync(folder)
    .filter((file) => file.endsWith('.md'))
    .map((file) => `- [${titleOf(join(folder, file))}](${file})`)
  return `# Experiments

What papers promise, run at small scale with fixed seeds by \`npm run experiments\`, which writes these pages.

${lines.join('\n')}
`
}

const titleOf = (file: string): string => /^# (.*)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? basename(file)

/** Throws unless docs/notebooks.md, the list that readers see, links to every notebook. */
export function checkNotebookList(): void {
  const list = readFileSync(join(root, 'docs/notebooks.md'), 'utf8')
  const missing = notebookNames().filter((name) => !list.includes(`(notebooks/${name}.html)`))
  if (missing.length > 0) {
    throw new Error(`${relative(root, 'docs/notebooks.md')} does not list ${missing.join(', ')}`)
  }
}

interface Item {
  readonly text: string
  readonly link?: string
  readonly items?: readonly Item[]
}

/** In the guide, names of functions that stand as code become links to the reference, which must be written by then. */
export function linkNames(out: string): void {
  const subpaths = JSON.parse(readFileSync(join(out, 'api/typedoc-sidebar.json'), 'utf8')) as Item[]
  const places = new Map<string, string>()
  for (const { items = [] } of subpaths) {
    for (const { text, items: names = [] } of items) {
      if (!/^(Functions|Variables)$/.test(text)) continue
      // The first subpath that has a name is the one that is meant.
      for (const { text: name, link } of names) if (!places.has(name)) places.set(name, link!)
    }
  }
  const link = (code: string, name: string) => (places.has(name) ? `[${code}](${places.get(name)})` : code)
  for (const file of readdirSync(join(out, 'guide'))) {
    const path = join(out, 'guide', file)
    // Blocks of code, headings and what is a link already stay.
    const parts = readFileSync(path, 'utf8').split(/(^```[^]*?^```$|^#.*$|\[[^\]]*\]\([^)]*\))/m)
    const linked = parts.map((part, i) =>
      i % 2 === 1 ? part : part.replace(/`([a-z]\w*)(?:\([^`]*\))?`/g, link),
    )
    writeFileSync(path, linked.join(''))
  }
}
