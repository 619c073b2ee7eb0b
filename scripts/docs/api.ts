import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, PageEvent } from 'typedoc'
import type { TypeDocOptions } from 'typedoc'
import type { PluginOptions } from 'typedoc-plugin-markdown'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The subpaths of the package in the order in which they build on each other; `lowrank` itself is the first three. */
const SUBPATHS = {
  linalg:
    'arrays and operators, products, dense factorizations, solvers, estimators, transforms, `random`, and the errors',
  sketch: 'sketches, scores and sampling of rows, sketched and p-norm regression, streams',
  factorize:
    'randomized SVD and PCA, Nyström and kernels, CUR, LDU, Tucker, butterflies, completion and recovery, M-FAC',
  gpu: '`openGpu`, and what can lie on a GPU',
  recipes: 'adapters, optimizers, compression, merging, solvers and weight files, after papers',
  mathjs: 'functions for `math.import`',
  testing: 'matrices with a given spectrum, and hard ones, for your tests',
}

/** Writes the API reference as Markdown into `out`, from the doc comments, with a sidebar for VitePress. */
export async function writeReference(out: string): Promise<void> {
  const options: TypeDocOptions & PluginOptions & { docsRoot: string } = {
    entryPoints: Object.keys(SUBPATHS).map((name) => join(root, `src/${name}/index.ts`)),
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
    indexFormat: 'table',
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
  writeFileSync(join(out, 'index.md'), index())
}

function index(): string {
  const lines = Object.entries(SUBPATHS).map(
    ([name, what]) => `| [\`lowrank/${name}\`](${name}/index.md) | ${what} |`,
  )
  return `# API reference

\`lowrank\` itself is the first three of these. [Which method should I use?](../guide/choose.md) leads from a task to a name.

| import | what |
| --- | --- |
${lines.join('\n')}
`
}

/**
 * Methods that are sync and async in one, such as `rsvd`, are constants of a callable type: typedoc calls them
 * variables and gives each of their parameters a heading.
 */
function asMethods(page: string): string {
  return page
    .replace(/^## Variables\n\n\| Variable/m, '## Methods and objects\n\n| Name')
    .replace(/^## Param\n\n(\*\*\w+\*\*)\n\n/gm, '$1: ')
    .replace(/^\*\*\w+\*\*: /m, '## Parameters\n\n$&')
}
