import { chmodSync, chownSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Backend } from '@gantry/core'
import { createDockerServer } from '@gantry/docker-api'
import { identifyLocal } from './identify-docker.ts'

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
  const server = createDockerServer({ backend, identify: (request) => identifyLocal(backend, request) })
  await listen(server, socket)
  backend.log.info('docker clients are served', socket)
  return { close: () => close(server) }
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
