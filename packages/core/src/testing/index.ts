export { BytePipe } from './byte-pipe.ts'
export { RecordingAgent } from './recording-agent.ts'
export { type TestBackend, testBackend } from './test-backend.ts'
