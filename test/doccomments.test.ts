import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

// What the package exports says what it is: every symbol has a doc comment, every member one of its own or a
// place in that of its owner, and every function an example, which examples.test.ts runs.

const root = fileURLToPath(new URL('..', import.meta.url))
const SUBPATHS = ['linalg', 'sketch', 'factorize', 'gpu', 'recipes', 'testing', 'mathjs']

/** Members whose names say all there is to say, wherever they stand. */
const SPEAKING = new Set([
  ...['name', 'paper', 'year', 'shape', 'rank', 'ranks', 'rows', 'cols', 're', 'im', 'complex', 'seed'],
  ...['async', 'steps', 'history', 'iterations', 'learningRate', 'errorNorm', 'frobeniusNorm', 'toDense'],
  ...['AX', 'AtY'],
])

interface Bare {
  readonly symbols: readonly string[]
  readonly members: readonly string[]
  readonly functions: readonly string[]
}

/** What lacks words in what each of these modules exports. */
function bareOf(entries: readonly string[]): Bare[] {
  const program = ts.createProgram(entries, {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    skipLibCheck: true,
  })
  const checker = program.getTypeChecker()

  /** That of a module's namespaces included. */
  const exportsOf = (module: ts.Symbol): ts.Symbol[] =>
    checker.getExportsOfModule(module).flatMap((symbol) => {
      const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      return real.flags & ts.SymbolFlags.ValueModule ? exportsOf(real) : [real]
    })

  const commentOf = (symbol: ts.Symbol): string =>
    ts.displayPartsToString(symbol.getDocumentationComment(checker))

  function bareMembers(owner: ts.Symbol): string[] {
    // A twin that answers by Promises, or in steps, does what the operand does that it is the twin of.
    if (/^Async|Steps$/.test(owner.name)) return []
    const members = (owner.declarations ?? [])
      .flatMap(membersOf)
      .filter((member) => !(ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private))
      .map((member) => ts.getNameOfDeclaration(member))
      .filter((name) => name !== undefined && ts.isIdentifier(name))
      .map((name) => checker.getSymbolAtLocation(name)!)
    return [...new Set(members)]
      .filter(({ name }) => !SPEAKING.has(name) && !new RegExp(`\\b${name}\\b`).test(commentOf(owner)))
      .filter((member) => commentOf(member) === '')
      .map(({ name }) => `${owner.name}.${name}`)
  }

  function isFunction(symbol: ts.Symbol): boolean {
    const { valueDeclaration, flags } = symbol
    if (valueDeclaration === undefined || flags & ts.SymbolFlags.Class) return false
    return checker.getTypeOfSymbolAtLocation(symbol, valueDeclaration).getCallSignatures().length > 0
  }

  return entries.map((entry) => {
    const all = exportsOf(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!)
    const hasExample = (symbol: ts.Symbol): boolean =>
      symbol.getJsDocTags(checker).some(({ name }) => name === 'example')
    return {
      symbols: all.filter((symbol) => commentOf(symbol) === '').map(({ name }) => name),
      members: all.flatMap(bareMembers),
      functions: all.filter((symbol) => isFunction(symbol) && !hasExample(symbol)).map(({ name }) => name),
    }
  })
}

/** The members that a declaration lists; what it inherits has its comments there. */
function membersOf(declaration: ts.Declaration): ts.Declaration[] {
  if (ts.isInterfaceDeclaration(declaration) || ts.isClassDeclaration(declaration)) {
    return [...declaration.members] as ts.Declaration[]
  }
  if (!ts.isTypeAliasDeclaration(declaration) || !ts.isTypeLiteralNode(declaration.type)) return []
  return [...declaration.type.members]
}

describe('of what is exported', () => {
  const entries = ['', ...SUBPATHS.map((name) => `${name}/`)].map((name) => join(root, `src/${name}index.ts`))
  const all = bareOf(entries).map((bare, i) => ({ ...bare, file: relative(root, entries[i]!) }))

  test.each(all)('$file: every symbol has a doc comment', ({ symbols }) => {
    expect(symbols).toEqual([])
  })

  test.each(all)('$file: every member has one, or a place in that of its owner', ({ members }) => {
    expect(members).toEqual([])
  })

  test.each(all)('$file: every function has an example', ({ functions }) => {
    expect(functions).toEqual([])
  })
})

test('what lacks words is found', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lowrank-comments-'))
  try {
    const file = join(folder, 'some.ts')
    writeFileSync(
      file,
      `/** Has a comment that names told. */
      export interface Said { readonly told: number; readonly untold: number; readonly rank: number
        /** Said. */
        readonly own: number }
      export interface Unsaid { own(): void }
      /** Says what it does. */
      export const act = (): number => 1
      /**
       * Shows it too.
       *
       * @example
       * act2()
       */
      export function act2(): void {}
      export class Thing {}`,
    )
    expect(bareOf([file])).toEqual([
      { symbols: ['Unsaid', 'Thing'], members: ['Said.untold', 'Unsaid.own'], functions: ['act'] },
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
