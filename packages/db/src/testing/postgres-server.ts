import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

/** PostgreSQL itself, compiled to WebAssembly, behind a socket of this process. It has one session, so clients take turns. */
export async function postgresServer(): Promise<{ url: string; db: PGlite } & AsyncDisposable> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, port: 0, host: '127.0.0.1', maxConnections: 16 })
  await server.start()
  return {
    db,
    url: `postgresql://postgres:postgres@${server.getServerConn()}/postgres?sslmode=disable`,
    async [Symbol.asyncDispose]() {
      await server.stop()
      await db.close()
    },
  }
}
