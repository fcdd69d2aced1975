import { spawn, spawnSync } from 'node:child_process'

/**
 * Runs a program to its end. Its output is kept back and shown only when it fails, unless `show`.
 * Rejects with an error that carries the last lines of the output.
 */
export function run(program, args, { cwd, env, show = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const keep = (chunk) => {
      output = (output + chunk).slice(-64 * 1024)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.on('error', (error) => reject(new Error(`cannot run ${program}: ${error.message}`)))
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(output)
      const tail = output.trimEnd().split('\n').slice(-40).join('\n')
      reject(new Error(`${[program, ...args].join(' ')} failed (${signal ?? `exit ${code}`})${tail ? `:\n${tail}` : ''}`))
    })
  })
}

/** Output of a quick command, or null when it cannot be run or fails. */
export function ask(program, args) {
  const result = spawnSync(program, args, { encoding: 'utf8' })
  return result.status === 0 ? result.stdout.trim() : null
}
