import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { spawn as spawnPty } from 'node-pty'

export interface Outcome {
  exitCode: number
  stdout: string
  stderr: string
}

/** The newest stock client on this machine: Debian's, or one that was installed beside it. */
export const dockerClient = newest(['/usr/local/bin/docker', '/usr/bin/docker'])

function newest(paths: readonly string[]): string {
  const found = paths
    .filter((path) => existsSync(path))
    .map((path) => ({ path, version: /(\d+)\.(\d+)/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' })) }))
    .sort((a, b) => Number(b.version?.[1]) - Number(a.version?.[1]) || Number(b.version?.[2]) - Number(a.version?.[2]))[0]
  if (!found) throw new Error('no docker client: apt-get install docker.io')
  return found.path
}

export function environment(socket: string, home: string): Record<string, string> {
  const { PATH = '' } = process.env
  return { PATH, HOME: home, DOCKER_CONFIG: home, DOCKER_HOST: `unix://${socket}`, DOCKER_BUILDKIT: '0', LANG: 'C.UTF-8', TERM: 'xterm' }
}

/** Runs a program to its end with all it says. */
export function runProgram(program: string, args: readonly string[], env: Record<string, string>, input = ''): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    const outcome = { exitCode: -1, stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      outcome.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      outcome.stderr += text
    })
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ ...outcome, exitCode: code ?? (signal ? 255 : -1) }))
    // A client that does not read its input ends all the same.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

/** Runs a program on a terminal of 100 by 40. `answers` are typed, each when the screen shows what it waits for. */
export function runOnTerminal(
  program: string,
  args: string[],
  env: Record<string, string>,
  answers: readonly { at: RegExp; type: string }[],
): Promise<{ exitCode: number; screen: string }> {
  return new Promise((resolve) => {
    const terminal = spawnPty(program, args, { env, cols: 100, rows: 40, name: 'xterm' })
    let screen = ''
    let seen = 0
    const left = [...answers]
    const typeNext = () => {
      const next = left[0]
      if (!next?.at.test(screen.slice(seen))) return
      seen = screen.length
      left.shift()
      terminal.write(next.type)
    }
    terminal.onData((text) => {
      screen += text
      typeNext()
    })
    typeNext()
    terminal.onExit(({ exitCode }) => resolve({ exitCode, screen }))
  })
}
