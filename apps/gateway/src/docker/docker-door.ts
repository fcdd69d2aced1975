import { chmodSync, chownSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Backend } from '@gantry/core'
import { createDockerServer } from '@gantry/docker-api'
import type { DockerTlsConfig } from '../config.ts'
import { identifyByCertificate, identifyLocal } from './identify-docker.ts'

/** A listening socket that was opened for us, or where to make one. */
export type DockerSocket = { fd: number } | { path: string }

export interface DockerDoor {
  close(): Promise<void>
}

/** The Docker API by TLS, for clients with a certificate that names a token. */
export async function openTlsDoor(backend: Backend, { host, port, ...files }: DockerTlsConfig): Promise<DockerDoor> {
  const tls = { cert: readFileSync(files.cert), key: readFileSync(files.key), ca: readFileSync(files.ca) }
  const server = createDockerServer({ backend, tls, identify: (request) => identifyByCertificate(backend, request) })
  const close = closing(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, resolve)
  })
  backend.log.info('docker clients are served by TLS', { host, port })
  return { close }
}

/**
 * The Docker API on the machine's own socket. Who may open that is root, or in its group and as good as that: host administrator,
 * in the project `default`.
 */
export async function openDockerDoor(backend: Backend, socket: DockerSocket): Promise<DockerDoor> {
  const server = createDockerServer({ backend, identify: (request) => identifyLocal(backend, request) })
  const close = closing(server)
  await listen(server, socket)
  backend.log.info('docker clients are served', socket)
  return { close }
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

/** How to stop serving: also what was taken over from HTTP, which the server itself no longer knows, ends with us. */
function closing(server: Server): () => Promise<void> {
  const sockets = new Set<Socket>()
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
}
