import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTerminal, type Terminal } from './terminal.ts'
import { Laboratory, nativeDir, type TestContainer } from './test-container.ts'

let lab: Laboratory
beforeAll(() => {
  lab = new Laboratory()
})
afterAll(() => lab.dispose())

async function shell(line: string): Promise<TestContainer> {
  return lab.start({ command: ['sh', '-c', line], tty: true, openStdin: true, log: { driver: 'none' } })
}

function open(container: TestContainer, from: number | 'end' = 0, size = { columns: 80, rows: 24 }): Promise<Terminal> {
  return openTerminal({ nativeDir, monitorDir: container.monitorDir, from, ...size })
}

async function text(terminal: Terminal): Promise<string> {
  let all = ''
  for await (const piece of terminal.output) all += Buffer.from(piece).toString()
  return all
}

describe('a terminal through node-pty', () => {
  it('passes bytes both ways and tells how the process ended', async () => {
    const container = await shell('stty -echo; echo ready; read x; echo "<$x>"; exit 5')
    const terminal = await open(container)
    let all = ''
    for await (const piece of terminal.output) {
      all += Buffer.from(piece).toString()
      if (all.endsWith('ready\r\n')) terminal.write(Buffer.from('grüße\n'))
    }
    expect(all).toBe('ready\r\n<grüße>\r\n')
    expect(await terminal.exit).toMatchObject({ exitCode: 5, key: container.id })
  })

  it('carries every byte value unchanged', async () => {
    const container = await shell('stty raw -echo; i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %o $i)"; i=$((i+1)); done')
    const terminal = await open(container)
    const pieces: Uint8Array[] = []
    for await (const piece of terminal.output) pieces.push(piece)
    expect([...Buffer.concat(pieces)]).toEqual(Array.from({ length: 256 }, (_, value) => value))
  })

  it('loses nothing of a large output to a slow reader', async () => {
    const bytes = 3_000_000
    const container = await shell(`stty raw -echo; head -c ${bytes} /dev/zero | tr "\\0" q; printf end`)
    const terminal = await open(container)
    const hash = createHash('sha256')
    let length = 0
    for await (const piece of terminal.output) {
      // Every piece gives the event loop, and with it the flow control, its turn.
      await new Promise((resolve) => setImmediate(resolve))
      hash.update(piece)
      length += piece.length
    }
    expect(length).toBe(bytes + 3)
    expect(hash.digest('hex')).toBe(
      createHash('sha256')
        .update(Buffer.concat([Buffer.alloc(bytes, 'q'), Buffer.from('end')]))
        .digest('hex'),
    )
  })

  it('comes back where it left', async () => {
    const container = await shell('stty -echo; echo 0123456789; read x; echo "got $x"')
    const first = await open(container)
    for await (const piece of first.output) if (Buffer.from(piece).includes('9\r\n')) break
    first.close()
    expect(await first.exit).toBeNull()
    const second = await open(container, 6)
    expect(second.startOffset).toBe(6)
    second.write(Buffer.from('again\n'))
    expect(await text(second)).toBe('6789\r\ngot again\r\n')
  })

  it('changes the size', async () => {
    const container = await shell('trap "stty size; exit" WINCH; echo ready; while :; do read x; done')
    const terminal = await open(container, 0, { columns: 80, rows: 24 })
    let all = ''
    for await (const piece of terminal.output) {
      all += Buffer.from(piece).toString()
      if (all === 'ready\r\n') terminal.resize(123, 45)
    }
    expect(all).toBe('ready\r\n45 123\r\n')
  })

  it('says when there is nothing to open', async () => {
    await expect(openTerminal({ nativeDir, monitorDir: lab.runDir, from: 0, columns: 80, rows: 24 })).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})
