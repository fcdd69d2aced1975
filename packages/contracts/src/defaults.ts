/** Where things are unless the environment says otherwise (docs/ARCHITECTURE.md lists the variables). */
export const defaults = {
  listen: '127.0.0.1:7070',
  dataDir: '/var/lib/gantry',
  runDir: '/run/gantry',
  agentSocket: 'agent.sock',
  dockerSocket: 'docker.sock',
} as const
/** Docker's defaults that no flag sets. */
export const containerDefaults = {
  shmSizeBytes: 64 * 1024 * 1024,
  stopTimeoutSeconds: 10,
  stopSignal: 'SIGTERM',
  pidsLimit: 2048,
  path: 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
} as const
/** Ids each project owns on the host: one 16-bit range. */
export const idRangeSize = 65536
