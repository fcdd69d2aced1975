export type { DockerCaller } from './exchange.ts'
export { type DockerServerOptions, createDockerServer } from './server.ts'
