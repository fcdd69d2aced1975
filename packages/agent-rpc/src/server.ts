import { chmodSync, rmSync } from 'node:fs'
import { type Server, type Socket, connect, createServer } from 'node:net'
import { type AgentHandlers, GantryError } from '@gantry/contracts'
import { Tickets } from './tickets.ts'
import { ServerConnection } from './server-connection.ts'

export interface ServeOptions {
  /** Permission bits of the socket; default 0660. */
  readonly mode?: number
  /** Told of every failure that is not a `GantryError`; the client sees only `errorId`. */
  readonly onInternalError?: (error: unknown, method: string, errorId: string) => void
}

export interface AgentServer {
  /** Stops listening, aborts every open request and drops the connections. */
  close(): Promise<void>
  /** Open connections. */
  readonly connections: number
}

/**
 * Serves `handlers` on a unix socket. Rejects with `already_exists` when another process answers on `socketPath`;
 * a dead socket file there is replaced. Who may connect is decided by the file's owner, group and mode alone.
 */
export async function serve(handlers: AgentHandlers, socketPath: string, options: ServeOptions = {}): Promise<AgentServer> {
  if (await answers(socketPath)) throw new GantryError('already_exists', `another process serves ${socketPath}`, { value: socketPath })
  rmSync(socketPath, { force: true })
  const connections = new Set<ServerConnection>()
  const shared = { report: options.onInternalError ?? (() => {}), tickets: new Tickets() }
  const server = createServer((socket: Socket) => {
    const connection = new ServerConnection(socket, handlers, shared)
    connections.add(connection)
    socket.on('close', () => connections.delete(connection))
  })
  await listen(server, socketPath)
  chmodSync(socketPath, options.mode ?? 0o660)
  return {
    get connections() {
      return connections.size
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const connection of connections) connection.close()
      }),
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // The file appears inside listen(): nobody but root may connect before its mode and group are set.
    const mask = process.umask(0o177)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
    process.umask(mask)
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.on('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
  })
}
