import { defineConfig } from 'vitest/config'

const everywhere = ['**/node_modules/**', '**/dist/**', '**/.next/**', 'e2e/**']

/**
 * `unit` needs nothing but Node. `root` needs root and a real kernel, fails (never skips) without them, and runs one file
 * after the other, as the files share the machine's cgroups and links. `clients` does the same with the stock docker client and other
 * people's programs against the built agent and gateway. The time-outs only end what hangs.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{packages,apps,scripts,bench,prisma}/**/*.test.{ts,tsx}'],
          exclude: [...everywhere, '**/*.root.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'root',
          include: ['{packages,apps,scripts,bench}/**/*.root.test.ts'],
          exclude: everywhere,
          globalSetup: ['scripts/vitest-require-root.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'clients',
          include: ['e2e/docker/**/*.client.test.ts'],
          globalSetup: ['scripts/vitest-require-root.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
})
