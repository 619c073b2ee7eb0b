import { runtime } from 'observable:runtime'

// The line in a notebook's header: whether its cells are still running. `data-state` on the root element is
// the same for programs, and never says 'done' while anything is to be computed.

interface Variable {
  readonly _version: number
  readonly _promise: Promise<unknown>
}

interface Runtime {
  readonly _variables: ReadonlySet<Variable>
  /** The round that is announced and has not begun. */
  readonly _computing: Promise<unknown> | null
  /** Announces a round, for the next frame. */
  _compute(): Promise<unknown>
}

const rounds = runtime as unknown as Runtime
const root = document.documentElement
const output = document.querySelector('#state')!
const announce = rounds._compute.bind(rounds)

rounds._compute = () => {
  const round = announce()
  if (root.dataset['state'] !== 'running') void run()
  return round
}

void run()

/** Until no cell has anything to do: none has begun anew while all were waited for, and no round is announced. */
async function run(): Promise<void> {
  const started = performance.now()
  root.dataset['state'] = 'running'
  output.textContent = 'computing …'
  for (let before = -1; ;) {
    await rounds._computing
    await Promise.allSettled(Array.from(rounds._variables, ({ _promise }) => _promise))
    const versions = Array.from(rounds._variables).reduce((sum, { _version }) => sum + _version, 0)
    if (versions === before && rounds._computing === null) return rest(started)
    before = versions
  }
}

function rest(started: number): void {
  const failed = document.querySelectorAll('.observablehq--error').length
  root.dataset['state'] = failed > 0 ? 'failed' : 'done'
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  output.textContent = failed > 0 ? `${failed} cells failed` : `computed on your machine in ${seconds} s`
}
