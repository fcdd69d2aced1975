export type Json = { [name: string]: unknown }
export interface BundleOptions {
  readonly args: readonly string[]
  readonly process?: Json
  readonly mounts?: readonly Json[]
  readonly linux?: Json
  readonly namespaces?: readonly Json[]
  readonly config?: Json
}

const capabilities = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_SETUID', 'CAP_SETGID', 'CAP_MKNOD', 'CAP_KILL']

/** A configuration with what every container has, and what is asked for. */
export function configOf({ args, process = {}, mounts = [], linux = {}, namespaces, config = {} }: BundleOptions): Json {
  const spaces = namespaces ?? ['pid', 'mount', 'ipc', 'uts', 'network', 'cgroup'].map((type) => ({ type }))
  return {
    ociVersion: '1.2.0',
    process: {
      cwd: '/',
      args,
      env: ['PATH=/bin'],
      user: { uid: 0, gid: 0 },
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      ...process,
    },
    root: { path: 'rootfs' },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
      },
      ...mounts,
    ],
    linux: { namespaces: spaces, ...linux },
    ...config,
  }
}
