import { chmodSync, chownSync, rmSync } from 'node:fs'
import type { IncomingMessage, Server } from 'node:http'
import { DEFAULT_PROJECT } from '@gantry/contracts'
import { type Backend, localCaller } from '@gantry/core'
import { type DockerCaller, createDockerServer } from '@gantry/docker-api'

/** A listening socket that was opened for us, or where to make one. */
export type DockerSocket = { fd: number } | { path: string }

export interface DockerDoor {
  close(): Promise<void>
}

/**
 * The Docker API on the machine's own socket. Who may open that is root, or in its group and as good as that: host administrator,
 * in the project `default`.
 */
export async function openDockerDoor(backend: Backend, socket: DockerSocket): Promise<DockerDoor> {
  const server = createDockerServer({ backend, identify: identifyLocal })
  await listen(server, socket)
  backend.log.info('docker clients are served', socket)
  return { close: () => close(server) }
}

function identifyLocal({ headers }: IncomingMessage): DockerCaller {
  return { caller: localCaller(headers['user-agent'] ?? ''), projectId: DEFAULT_PROJECT }
}

function listen(server: Server, socket: DockerSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    if ('fd' in socket) {
      server.listen({ fd: socket.fd }, resolve)
      return
    }
    rmSync(socket.path, { force: true })
    // The file appears inside listen(): nobody else may connect before its mode is set.
    const mask = process.umask(0o177)
    server.listen(socket.path, () => {
      chmodSync(socket.path, 0o660)
      if (process.getuid?.() === 0) chownSync(socket.path, 0, 0)
      resolve()
    })
    process.umask(mask)
  })
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  // Streams and connections that were taken over end with us.
  server.closeAllConnections()
  await closed
}
