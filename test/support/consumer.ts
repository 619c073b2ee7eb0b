import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

// A folder of someone who installed the package: node_modules holds the files that npm would publish and,
// of other packages, only what is named. What is not named cannot be found from there.

export interface Consumer {
  readonly folder: string
  /** Runs a script there, as ESM (.mjs) or CommonJS (.cjs); gives what it prints, parsed as JSON. */
  run(kind: 'mjs' | 'cjs', script: string): Promise<unknown>
  remove(): void
}

const root = fileURLToPath(new URL('../..', import.meta.url))

export async function makeConsumer(packages: readonly string[]): Promise<Consumer> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'lowrank-consumer-')))
  const installed = join(folder, 'node_modules')
  for (const file of await publishedFiles()) {
    const target = join(installed, 'lowrank', file)
    mkdirSync(dirname(target), { recursive: true })
    cpSync(join(root, file), target)
  }
  for (const name of packages) {
    mkdirSync(dirname(join(installed, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(installed, name), 'junction')
  }
  let scripts = 0
  return {
    folder,
    run: async (kind, script) => {
      const file = join(folder, `script${++scripts}.${kind}`)
      writeFileSync(file, script)
      const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: folder })
      return JSON.parse(stdout) as unknown
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function publishedFiles(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    shell: process.platform === 'win32',
  })
  // A list in some versions of npm, an object by name in others.
  const [pack] = Object.values(JSON.parse(stdout) as Record<string, { files: { path: string }[] }>)
  return pack!.files.map((file) => file.path)
}
