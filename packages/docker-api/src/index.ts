export type { DockerCaller } from './exchange.ts'
export { routes } from './routes/table.ts'
export { type DockerServerOptions, createDockerServer } from './server.ts'
