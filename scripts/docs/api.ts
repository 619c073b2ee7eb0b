import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, PageEvent } from 'typedoc'
import type { TypeDocOptions } from 'typedoc'
import type { PluginOptions } from 'typedoc-plugin-markdown'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The subpaths of the package in the order in which they build on each other; `lowrank` itself is the first three. */
const SUBPATHS = ['linalg', 'sketch', 'factorize', 'gpu', 'recipes', 'mathjs', 'testing']

/** Writes the API reference as Markdown into `out`, from the doc comments, with a sidebar for VitePress. */
export async function writeReference(out: string): Promise<void> {
  const options: TypeDocOptions & PluginOptions & { docsRoot: string } = {
    entryPoints: SUBPATHS.map((name) => join(root, `src/${name}/index.ts`)),
    tsconfig: join(root, 'tsconfig.json'),
    plugin: ['typedoc-plugin-markdown', 'typedoc-vitepress-theme'],
    name: 'API reference',
    readme: 'none',
    excludeInternal: true,
    excludePrivate: true,
    disableSources: true,
    skipErrorChecking: true,
    router: 'member',
    sortEntryPoints: false,
    groupOrder: ['Functions', 'Variables', 'Classes', '*'],
    hidePageHeader: true,
    useCodeBlocks: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    out,
    docsRoot: join(out, '..'),
    pageTitleTemplates: { member: ({ kind, name }) => (kind === 'Variable' ? name : `${kind}: ${name}`) },
    logLevel: 'Warn',
    // What has no comment is found by test/doccomments.test.ts, sooner.
    validation: { notDocumented: false, notExported: false, invalidLink: true },
  }
  const app = await Application.bootstrapWithPlugins(options)
  app.renderer.on(PageEvent.END, (page) => {
    page.contents = asMethods(page.contents ?? '')
  })
  const project = await app.convert()
  if (project === undefined) throw new Error('typedoc could not read the sources')
  app.validate(project)
  await app.generateOutputs(project)
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('typedoc found faults: see above')
}

/**
 * Methods that are sync and async in one, such as `rsvd`, are constants of a callable type: typedoc calls them
 * variables and gives each of their parameters a heading.
 */
function asMethods(page: string): string {
  return page
    .replace(/^## Variables$/m, '## Methods and objects')
    .replace(/^## Param\n\n(\*\*\w+\*\*)\n\n/gm, '$1: ')
    .replace(/^\*\*\w+\*\*: /m, '## Parameters\n\n$&')
}
