import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'

/** securityfs, as systems mount it. */
const profilesFile = '/sys/kernel/security/apparmor/profiles'
/** The package `apparmor` puts it there. */
const parsers = ['/usr/sbin/apparmor_parser', '/sbin/apparmor_parser'] as const

/** Whether the kernel confines by AppArmor. */
export function apparmorIsOn(): boolean {
  const file = '/sys/module/apparmor/parameters/enabled'
  return existsSync(file) && readFileSync(file, 'utf8').startsWith('Y')
}

/** The compiler of profiles, when the host has it. */
export function apparmorParser(): string | undefined {
  return parsers.find((path) => existsSync(path))
}

/** Whether a profile of this name is in the kernel; false where that cannot be seen. */
export async function isProfileLoaded(name: string): Promise<boolean> {
  try {
    // Lines look like `name (enforce)`.
    const text = await readFile(profilesFile, 'utf8')
    return text.split('\n').some((line) => line.startsWith(`${name} (`))
  } catch (error) {
    if (['ENOENT', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

/** Puts a profile into the kernel, in place of one of that name. Rejects with the compiler's words. */
export function loadProfile(parser: string, text: string): Promise<void> {
  return runParser(parser, ['--replace', '--skip-cache', '--skip-read-cache'], text)
}

export function unloadProfile(parser: string, text: string): Promise<void> {
  return runParser(parser, ['--remove'], text)
}

/** Whether any process of the machine is confined by this profile. */
export async function isProfileUsed(name: string): Promise<boolean> {
  for (const pid of await readdir('/proc')) {
    if (/^\d+$/.test(pid) && (await profileOf(Number(pid))) === name) return true
  }
  return false
}

/** The profile of a process, without its mode; '' for one that has gone. */
export async function profileOf(pid: number): Promise<string> {
  try {
    const text = await readFile(`/proc/${pid}/attr/apparmor/current`, 'utf8')
    return text.trim().replace(/ \(\w+\)$/, '')
  } catch {
    return ''
  }
}

function runParser(parser: string, options: readonly string[], text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(parser, options, { stdio: ['pipe', 'ignore', 'pipe'], env: {} as NodeJS.ProcessEnv })
    let words = ''
    child.stderr.on('data', (chunk: Buffer) => {
      words += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(words.trim() || `${parser} ended with status ${code}`))))
    // It may refuse before it has read everything; its words say why.
    child.stdin.on('error', () => {})
    child.stdin.end(text)
  })
}
