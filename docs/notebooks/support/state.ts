import { runtime } from 'observable:runtime'

// The line in a notebook's header: whether its cells are still running. `data-state` on the root element is
// the same for programs.

interface Variable {
  readonly _version: number
  readonly _promise: Promise<unknown>
}

const { _variables: variables } = runtime as unknown as { readonly _variables: ReadonlySet<Variable> }
const root = document.documentElement
const output = document.querySelector('#state')!
let started = performance.now()

void watch()

/** Cells run in rounds: they have come to rest when a whole round has changed no variable's version. */
async function watch(): Promise<never> {
  let before = -1
  for (;;) {
    await Promise.allSettled(Array.from(variables, ({ _promise }) => _promise))
    const versions = Array.from(variables).reduce((sum, { _version }) => sum + _version, 0)
    if (versions === before) rest()
    else run()
    before = versions
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function run(): void {
  if (root.dataset['state'] !== 'running') started = performance.now()
  root.dataset['state'] = 'running'
  output.textContent = 'computing …'
}

function rest(): void {
  const failed = document.querySelectorAll('.observablehq--error').length
  const state = failed > 0 ? 'failed' : 'done'
  if (root.dataset['state'] === state) return
  root.dataset['state'] = state
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  output.textContent = failed > 0 ? `${failed} cells failed` : `computed on your machine in ${seconds} s`
}
