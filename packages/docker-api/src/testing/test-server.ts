import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { localCaller } from '@gantry/core'
import type { TestBackend } from '@gantry/core/testing'
import type { Route } from '../route.ts'
import { createDockerServer } from '../server.ts'

export interface TestServer extends AsyncDisposable {
  readonly server: Server
  readonly socketPath: string
}

/** The API, or other rows, on a unix socket, as local root in project `default`. Disposing closes it and the backend. */
export async function testServer(test: TestBackend, routes?: readonly Route[]): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-docker-'))
  const socketPath = join(folder, 'docker.sock')
  const identify = () => ({ caller: localCaller('test'), projectId: 'default' })
  const server = createDockerServer({ backend: test.backend, identify, ...(routes ? { routes } : {}) })
  server.listen(socketPath)
  await once(server, 'listening')
  return {
    server,
    socketPath,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await test[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}
