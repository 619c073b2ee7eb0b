import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitepress'
import type { DefaultTheme } from 'vitepress'

// The site's frame. Its pages are copied to pages/ by scripts/docs/pages.ts, with the API reference beside them;
// notebooks are built by themselves into the same folder. Nothing here asks another machine for anything.

type Items = DefaultTheme.SidebarItem[]

const pages = join(import.meta.dirname, 'pages')

const guide: Items = [
  { text: 'Start in five minutes', link: '/guide/start' },
  { text: 'Which method should I use?', link: '/guide/choose' },
  { text: 'Operators: the one idea', link: '/guide/operators' },
  { text: 'Errors', link: '/guide/errors' },
  { text: 'The dense core', link: '/guide/dense-core' },
  { text: 'Sketching and sampling', link: '/guide/sketching' },
  { text: 'Kernel matrices', link: '/guide/kernels' },
  { text: 'The GPU', link: '/guide/gpu' },
  { text: 'Performance', link: '/guide/performance' },
  { text: 'Recipes', link: '/guide/recipes' },
  { text: 'Design', link: '/guide/design' },
]

/** Pages of a later step of the guide appear by themselves, after those that have their place. */
const others: Items = readdirSync(join(pages, 'guide'))
  .map((file) => `/guide/${file.replace(/\.md$/, '')}`)
  .filter((link) => !guide.some((item) => item.link === link))
  .map((link) => ({ text: title(link), link }))

const about: Items = [
  { text: 'Benchmarks', link: '/benchmarks' },
  { text: 'Benchmarks of a GPU', link: '/benchmarks-gpu' },
  { text: 'Benchmarks of the GPU’s forms', link: '/benchmarks-gpu-software' },
  { text: 'Limits', link: '/limits' },
  { text: 'Dependencies', link: '/dependencies' },
  { text: 'Contributing', link: '/contributing' },
  { text: 'Changelog', link: '/changelog' },
]

const experiments: Items = readdirSync(join(pages, 'experiments'))
  .filter((file) => file.endsWith('.md') && file !== 'index.md')
  .map((file) => `/experiments/${file.replace(/\.md$/, '')}`)
  .map((link) => ({ text: title(link), link }))

const manual: Items = [
  { text: 'Guide', items: [...guide, ...others] },
  { text: 'Notebooks', link: '/notebooks' },
  { text: 'About', items: about },
  { text: 'Experiments', link: '/experiments/', collapsed: true, items: experiments },
]

/** A subpath's sidebar has its own names alone: all of them in each page would be most of the site. */
const sidebar = readFileSync(join(pages, 'api/typedoc-sidebar.json'), 'utf8')
const subpaths = JSON.parse(sidebar.replaceAll('"Variables"', '"Methods and objects"')) as Items
const headings: Items = subpaths.map(({ text, link }) => ({ text: text!, link: link! }))
const reference: DefaultTheme.SidebarMulti = { '/api/': [{ text: 'API reference', items: headings }] }
for (const { text, items = [] } of subpaths) {
  reference[`/api/${text}/`] = [{ text: 'API reference', items: headings }, ...items]
}

function title(link: string): string {
  return /^# (.*)$/m.exec(readFileSync(join(pages, `${link}.md`), 'utf8'))?.[1] ?? link
}

export default defineConfig({
  title: 'lowrank',
  description: 'Randomized and low-rank numerical linear algebra for TypeScript, in Node and in the browser',
  lang: 'en',
  // Where the site is not at the root of its host: DOCS_BASE=/lowrank/ npm run docs.
  base: process.env['DOCS_BASE'] ?? '/',
  srcDir: '.vitepress/pages',
  outDir: '../site',
  cacheDir: '../node_modules/.cache/vitepress',
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  ignoreDeadLinks: [/\/notebooks\/[\w-]+(\.html)?$/],
  metaChunk: true,
  buildConcurrency: 8,
  markdown: { theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' } },
  vite: { logLevel: 'warn', build: { chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/guide/start', activeMatch: '/guide/' },
      { text: 'Notebooks', link: '/notebooks' },
      { text: 'API', link: '/api/', activeMatch: '/api/' },
    ],
    sidebar: {
      ...reference,
      '/': manual,
    },
    outline: [2, 3],
    search: { provider: 'local' },
  },
})
