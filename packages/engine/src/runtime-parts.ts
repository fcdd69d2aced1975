/** What the OCI runtime shares with the engine; nothing here may import more than it needs, as that program starts for every verb. */
export { ioWeight } from './cgroup/blkio.ts'
export { cpuWeight } from './cgroup/cpu.ts'
export { deviceProgram } from './cgroup/device-bpf.ts'
export { profileRules } from './plan/seccomp.ts'
export type { DeviceRule } from './ports.ts'
