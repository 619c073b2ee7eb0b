import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'

// What the package exports says what it is: every symbol has a doc comment, every member one of its own or a
// place in that of its owner, and every function an example, which examples.test.ts runs.

const root = fileURLToPath(new URL('..', import.meta.url))
const SUBPATHS = ['linalg', 'sketch', 'factorize', 'gpu', 'recipes', 'testing', 'mathjs']

const entries = ['', ...SUBPATHS.map((name) => `${name}/`)].map((name) => join(root, `src/${name}index.ts`))
const program = ts.createProgram(entries, {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  skipLibCheck: true,
})
const checker = program.getTypeChecker()

/** What a module exports, that of its namespaces included. */
const exportsOf = (module: ts.Symbol): ts.Symbol[] =>
  checker.getExportsOfModule(module).flatMap((symbol) => {
    const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    return real.flags & ts.SymbolFlags.ValueModule ? exportsOf(real) : [real]
  })

const files = entries.map((entry) => relative(root, entry))
const symbolsOf = (file: string): ts.Symbol[] =>
  exportsOf(checker.getSymbolAtLocation(program.getSourceFile(join(root, file))!)!)

const commentOf = (symbol: ts.Symbol): string =>
  ts.displayPartsToString(symbol.getDocumentationComment(checker))

/** Members whose names say all there is to say, wherever they stand. */
const SPEAKING = new Set(
  'async name paper year shape rank ranks rows cols re im history iterations complex errorNorm seed learningRate toDense frobeniusNorm AX AtY steps'.split(
    ' ',
  ),
)

/** The named members that a symbol's own declarations list; what it inherits has its comments there. */
function membersOf(symbol: ts.Symbol): ts.Symbol[] {
  // A twin that answers by Promises, or in steps, does what the operand does that it is the twin of.
  if (/^Async|Steps$/.test(symbol.name)) return []
  const listed = (symbol.declarations ?? []).flatMap((declaration) => {
    if (ts.isInterfaceDeclaration(declaration) || ts.isClassDeclaration(declaration)) {
      return [...declaration.members] as ts.Declaration[]
    }
    if (!ts.isTypeAliasDeclaration(declaration) || !ts.isTypeLiteralNode(declaration.type)) return []
    return [...declaration.type.members]
  })
  const members = listed
    .filter((member) => !(ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private))
    .map((member) => ts.getNameOfDeclaration(member))
    .filter((name) => name !== undefined && ts.isIdentifier(name))
    .map((name) => checker.getSymbolAtLocation(name)!)
  return [...new Set(members)]
}

test.each(files)('every symbol of %s has a doc comment', (file) => {
  const bare = symbolsOf(file).filter((symbol) => commentOf(symbol) === '')
  expect(bare.map(({ name }) => name)).toEqual([])
})

test.each(files)('every member of %s has one, or a place in that of its owner', (file) => {
  const bare = symbolsOf(file).flatMap((owner) =>
    membersOf(owner)
      .filter(({ name }) => !SPEAKING.has(name) && !new RegExp(`\\b${name}\\b`).test(commentOf(owner)))
      .filter((member) => commentOf(member) === '')
      .map(({ name }) => `${owner.name}.${name}`),
  )
  expect(bare).toEqual([])
})

test.each(files)('every function of %s has an example', (file) => {
  const bare = symbolsOf(file)
    .filter((symbol) => {
      const declaration = symbol.valueDeclaration
      if (declaration === undefined || symbol.flags & ts.SymbolFlags.Class) return false
      return checker.getTypeOfSymbolAtLocation(symbol, declaration).getCallSignatures().length > 0
    })
    .filter((symbol) => !symbol.getJsDocTags(checker).some((tag) => tag.name === 'example'))
  expect(bare.map(({ name }) => name)).toEqual([])
})

test('what has no comment is seen: the check itself', () => {
  const all = files.flatMap(symbolsOf)
  expect(all.length).toBeGreaterThan(500)
  expect(all.flatMap(membersOf).length).toBeGreaterThan(800)
  expect(all.some((symbol) => symbol.name === 'rsvd' && commentOf(symbol).includes('singular'))).toBe(true)
})
