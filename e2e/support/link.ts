import { connect, createServer, type Socket } from 'node:net'

/** A wire between browser and gateway that can be cut. */
export interface Link {
  readonly url: string
  /** Breaks every connection and refuses new ones. */
  cut(): void
  mend(): void
  /** What the browser sends goes no further until `pass`; answers still come. */
  hold(): void
  pass(): void
  close(): Promise<void>
}

export function startLink(port: number): Promise<Link> {
  let whole = true
  let held = false
  const pairs = new Map<Socket, Socket>()
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A cut wire is what this is for.
    socket.on('error', () => socket.destroy())
    return socket
  }
  const server = createServer((browser) => {
    if (!whole) return void browser.destroy()
    const gateway = keep(connect(port, '127.0.0.1'))
    gateway.pipe(keep(browser))
    pairs.set(browser, gateway)
    browser.once('close', () => pairs.delete(browser))
    if (!held) browser.pipe(gateway)
    browser.once('close', () => gateway.destroy())
    gateway.once('close', () => browser.destroy())
  })
  const breakAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve({
        url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
        cut() {
          whole = false
          breakAll()
        },
        mend() {
          whole = true
        },
        hold() {
          held = true
          for (const [browser, gateway] of pairs) browser.unpipe(gateway).pause()
        },
        pass() {
          held = false
          for (const [browser, gateway] of pairs) browser.pipe(gateway)
        },
        close: () =>
          new Promise((done) => {
            server.close(() => done())
            breakAll()
          }),
      })
    })
  })
}
