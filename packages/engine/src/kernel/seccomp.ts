import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, mkdir, rename, writeFile } from 'node:fs/promises'
import { release } from 'node:os'
import { GantryError, type ContainerSpec } from '@gantry/contracts'
import { seccompRules } from '../plan/seccomp.ts'
import { rootCapabilities } from './proc.ts'

/** Compiles filters once for each distinct profile, set of capabilities and architecture, and keeps them in `dataDir/seccomp`. */
export class SeccompCache {
  private readonly dir: string
  private readonly compiler: string
  private readonly known = new Map<string, Promise<string>>()

  constructor(config: { readonly dataDir: string; readonly nativeDir: string }) {
    this.dir = `${config.dataDir}/seccomp`
    this.compiler = `${config.nativeDir}/gantry-seccomp`
  }

  /**
   * Path of the compiled filter for `StartInput.seccompFile`; null when the container runs unconfined.
   * Throws `invalid_input` for a profile that cannot be read or compiled.
   */
  async fileFor(spec: Pick<ContainerSpec, 'seccomp' | 'privileged' | 'capAdd' | 'capDrop'>): Promise<string | null> {
    const rules = seccompRules(spec, { arch: process.arch, kernel: release(), capabilities: rootCapabilities() })
    if (rules === null) return null
    const hash = createHash('sha256').update(rules).digest('hex').slice(0, 32)
    const known = this.known.get(hash) ?? this.make(hash, rules)
    this.known.set(hash, known)
    try {
      return await known
    } catch (error) {
      this.known.delete(hash)
      throw error
    }
  }

  private async make(hash: string, rules: string): Promise<string> {
    const path = `${this.dir}/${hash}.bpf`
    const exists = await access(path).then(
      () => true,
      () => false,
    )
    if (exists) return path
    await mkdir(this.dir, { recursive: true, mode: 0o700 })
    const temporary = `${path}.${process.pid}`
    await writeFile(temporary, await compile(this.compiler, rules), { mode: 0o600 })
    await rename(temporary, path)
    return path
  }
}

function compile(compiler: string, rules: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler, [], { stdio: ['pipe', 'pipe', 'pipe'], env: {} as NodeJS.ProcessEnv })
    const out: Buffer[] = []
    let words = ''
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => {
      words += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(out))
      else reject(new GantryError('invalid_input', `seccomp profile cannot be compiled: ${words.trim()}`, { field: 'seccomp' }))
    })
    // The compiler may refuse before it has read everything; its words say why.
    child.stdin.on('error', () => {})
    child.stdin.end(rules)
  })
}
