/** Where an instance lives. The same defaults stand in packages/contracts/src/defaults.ts. */
export function settings(env = process.env) {
  return {
    listen: env.GANTRY_LISTEN || '127.0.0.1:7070',
    dataDir: env.GANTRY_DATA || '/var/lib/gantry',
    runDir: env.GANTRY_RUN || '/run/gantry',
  }
}

/** `host:port`, `[v6]:port` or `port` as something to open in a browser on this machine. */
export function address(listen) {
  const match = /^(?:(.*):)?(\d+)$/.exec(listen)
  if (!match) throw new Error(`GANTRY_LISTEN=${listen} is not host:port`)
  const host = match[1] || '127.0.0.1'
  const shown = { '0.0.0.0': '127.0.0.1', '[::]': '[::1]', '*': '127.0.0.1' }[host] ?? host
  return `http://${shown}:${match[2]}`
}
