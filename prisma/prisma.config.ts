import { defineConfig } from 'prisma/config'

/** Only the prisma command reads this; the panel opens its database by itself (packages/db). */
export default defineConfig({
  schema: 'schema.prisma',
  migrations: { path: 'migrations/sqlite' },
  datasource: { url: process.env.DATABASE_URL ?? 'file:./dev.db' },
})
