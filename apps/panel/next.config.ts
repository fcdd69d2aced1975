import { fileURLToPath } from 'node:url'
import type { NextConfig } from 'next'

const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url))

/** The gateway embeds this app as a custom server; it sets every security header, so Next sets none. */
const config: NextConfig = {
  transpilePackages: ['@gantry/ui', '@gantry/contracts', 'geist'],
  turbopack: { root: repositoryRoot },
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
  compress: false,
}

export default config
