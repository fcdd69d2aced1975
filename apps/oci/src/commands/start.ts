import { closeSync, constants, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { GantryError } from '@gantry/contracts/gantry-error'
import { expectWords, parseArgs } from '../args.ts'
import type { Globals } from '../globals.ts'
import { nativeFailure } from '../kernel/native.ts'
import { runHook } from '../kernel/run-hook.ts'
import { sleep } from '../sleep.ts'
import { Container, publicState } from '../state/container.ts'
import { removeContainer } from './delete.ts'

export function start(args: readonly string[], globals: Globals): void {
  const parsed = parseArgs(args, {}, true)
  expectWords(parsed, 'start CONTAINER', 1)
  startContainer(new Container(globals.root, parsed.positional[0] ?? ''))
}

const LOOKS_AT_END = 1000

/** Lets the waiting process go on, and tells what became of it. */
export function startContainer(container: Container): void {
  const record = container.read()
  const status = container.status(record)
  if (status !== 'created') throw new GantryError('wrong_state', `cannot start a container that is ${status}`)
  const claimed = `${container.startFifo}.claimed`
  claim(container, claimed)
  const result = openSync(container.resultFifo, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    release(claimed)
    const words = readToEnd(result)
    if (words) {
      // It told why, and is on its last steps: whoever hears of the failure may delete it.
      for (let look = 0; look < LOOKS_AT_END && container.status(record) !== 'stopped'; look++) sleep(1)
      throw failureOf(words)
    }
  } finally {
    closeSync(result)
    rmSync(claimed, { force: true })
    rmSync(container.resultFifo, { force: true })
  }
  try {
    for (const hook of record.hooks.poststart ?? []) runHook(hook, JSON.stringify(publicState(record, 'running')))
  } catch (error) {
    removeContainer(container, { force: true })
    throw error
  }
}

/** As tell_result() of native/src/runtime.c writes it. */
function failureOf(words: string): GantryError {
  const [step = '', errno = '', exitCode, text = ''] = words.split('\0')
  return nativeFailure({ step, errno, exitCode: Number(exitCode), text })
}

/** Of two starts at once the one whose rename succeeds goes on. */
function claim(container: Container, claimed: string): void {
  try {
    renameSync(container.startFifo, claimed)
  } catch (cause) {
    throw new GantryError('wrong_state', 'cannot start a container that is running', {}, { cause })
  }
}

function release(fifo: string): void {
  let fd: number
  try {
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch (cause) {
    throw new GantryError('wrong_state', 'the container has ended before it was started', {}, { cause })
  }
  writeSync(fd, '1')
  closeSync(fd)
}

/** Empty when execve closed the other end; else a failure in words. */
function readToEnd(fd: number): string {
  const chunk = Buffer.alloc(8192)
  let text = ''
  for (let wait = 0; ; ) {
    try {
      const length = readSync(fd, chunk)
      if (length === 0) return text
      text += chunk.toString('utf8', 0, length)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      sleep(Math.min(++wait, 10))
    }
  }
}
