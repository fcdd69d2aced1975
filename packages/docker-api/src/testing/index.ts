export * from './bad-requests.ts'
export * from './send.ts'
