import * as lowrank from 'lowrank'

// Code that the reader changes and runs. Everything that `lowrank` exports is in scope, and what the notebook
// hands in; `display(x)` shows a number, a list, or an element.

export interface ExerciseOptions {
  /** The question: an element, such as one of md`…`. */
  readonly ask: Node
  /** What the reader starts from. */
  readonly start: string
  readonly solution: string
  /** Why the solution is one. */
  readonly because?: Node
  /** Further names for the code: data, Plot, … */
  readonly scope?: Readonly<Record<string, unknown>>
}

/** A question, code to start from, and a solution that stays hidden until it is asked for. */
export function exercise({ ask, start, solution, because, scope = {} }: ExerciseOptions): HTMLElement {
  const section = document.createElement('section')
  section.className = 'exercise'
  const details = document.createElement('details')
  details.append(Object.assign(document.createElement('summary'), { textContent: 'A solution' }))
  details.append(playground(solution, scope))
  if (because !== undefined) details.append(because)
  section.append(ask, playground(start, scope), details)
  return section
}

/** What the reader has written in the place of what was there: a cell that runs again must not take it away. */
const drafts = new Map<string, string>()

/** An editor with a button: runs with it, and with Ctrl or ⌘ and Enter. */
export function playground(code: string, scope: Readonly<Record<string, unknown>> = {}): HTMLElement {
  const text = code.replace(/^\n+|\s+$/g, '')
  const form = document.createElement('form')
  form.className = 'playground'
  const editor = document.createElement('textarea')
  editor.value = drafts.get(text) ?? text
  editor.addEventListener('input', () => drafts.set(text, editor.value))
  editor.rows = text.split('\n').length
  editor.spellcheck = false
  editor.setAttribute('aria-label', 'Code')
  const button = Object.assign(document.createElement('button'), { textContent: 'Run' })
  const output = document.createElement('output')
  form.append(editor, button, output)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void run(editor.value, scope, form, output)
  })
  editor.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })
  return form
}

async function run(
  code: string,
  scope: Readonly<Record<string, unknown>>,
  form: HTMLFormElement,
  output: HTMLOutputElement,
): Promise<void> {
  output.replaceChildren()
  form.dataset['state'] = 'running'
  const show = (value: unknown): void => {
    const line = document.createElement('div')
    line.append(value instanceof Node ? value : text(value))
    output.append(line)
  }
  const names = { ...lowrank, ...scope, display: show }
  try {
    // The reader's own code, in the reader's own page.
    // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
    await new Function(...Object.keys(names), `return (async () => {${code}\n})()`)(...Object.values(names))
    form.dataset['state'] = 'ran'
  } catch (error) {
    show(String(error))
    form.dataset['state'] = 'failed'
  }
}

function text(value: unknown): string {
  if (typeof value === 'number') return String(+value.toPrecision(6))
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const numbers = Array.from(value as unknown as ArrayLike<number>)
    const shown = numbers.slice(0, 12).map((x) => +x.toPrecision(4))
    return `${shown.join('  ')}${numbers.length > 12 ? `  … (${numbers.length} numbers)` : ''}`
  }
  if (Array.isArray(value)) return value.map(text).join('  ')
  if (value !== null && typeof value === 'object' && 'shape' in value) {
    return `a ${(value.shape as number[]).join(' × ')} matrix`
  }
  return String(value)
}
