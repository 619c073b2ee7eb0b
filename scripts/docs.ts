import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vitepress'
import { writeReference } from './docs/api.js'
import { buildModules, buildNotebooks } from './docs/notebooks.js'
import { checkNotebookList, linkNames, writePages } from './docs/pages.js'
import { serveFolder } from './docs/serve.js'

// `npm run docs` builds the site into site/: the guide and the API reference by VitePress, which fails at a dead
// link, and the notebooks beside them. `npm run docs:serve` shows it.

const root = fileURLToPath(new URL('..', import.meta.url))
const site = join(root, 'site')

async function main(): Promise<void> {
  if (process.argv[2] === 'serve') {
    if (!existsSync(join(site, 'index.html'))) throw new Error('there is no site yet: npm run docs')
    const { url } = await serveFolder(site, Number(process.env['PORT'] ?? 4173))
    console.log(`the site is at ${url}`)
    return
  }
  checkNotebookList()
  const pages = join(root, 'docs/.vitepress/pages')
  writePages(pages)
  await writeReference(join(pages, 'api'))
  linkNames(pages)
  await build(join(root, 'docs'))
  await buildModules()
  await buildNotebooks(join(site, 'notebooks'))
  console.log('site/ is built; npm run docs:serve shows it')
}

await main()
