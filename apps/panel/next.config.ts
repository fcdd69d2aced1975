import { fileURLToPath } from 'node:url'
import type { NextConfig } from 'next'

const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url))

/** The gateway embeds this app as a custom server; it sets every security header, so Next sets none. */
const config: NextConfig = {
  transpilePackages: ['@gantry/ui', '@gantry/contracts', 'geist'],
  turbopack: { root: repositoryRoot },
  // `npm run check` checks the types; whoever only starts Gantry need not wait for it
  typescript: { ignoreBuildErrors: true },
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
}

export default config
