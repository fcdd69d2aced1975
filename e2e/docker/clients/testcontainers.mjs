/** What testcontainers does with an engine; ends with "ok" when every answer was right. The image is there already. */
import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { GenericContainer, Network, Wait } from 'testcontainers'

// It holds no process alive while it waits for logs.
const alive = setInterval(() => undefined, 1000)
const network = await new Network().start()
const web = await new GenericContainer('judge:1')
  .withCommand(['sh', '-c', 'echo starting; sleep 1; echo listening now; exec httpd -f -h /www'])
  .withExposedPorts(80)
  .withEnvironment({ WORD: 'given' })
  .withCopyContentToContainer([{ content: 'copied in\n', target: '/www/copied' }])
  .withNetwork(network)
  .withNetworkAliases('web')
  .withWaitStrategy(Wait.forAll([Wait.forListeningPorts(), Wait.forLogMessage('listening now'), Wait.forHttp('/copied', 80)]))
  .start()
const address = `http://${web.getHost()}:${web.getMappedPort(80)}`
assert.equal(await (await fetch(`${address}/copied`)).text(), 'copied in\n')
const { exitCode, output } = await web.exec(['sh', '-c', 'echo $WORD; exit 3'])
assert.deepEqual([exitCode, output], [3, 'given\n'])

const once = await new GenericContainer('judge:1')
  .withNetwork(network)
  .withCommand(['wget', '-qO-', 'http://web/'])
  .withWaitStrategy(Wait.forOneShotStartup())
  .start()
assert.match(await text(await once.logs()), /hello from the test image/)
await once.stop()

const healthy = await new GenericContainer('judge:1')
  .withCommand(['sh', '-c', 'sleep 1; touch /tmp/up; exec sleep 100000'])
  .withHealthCheck({ test: ['CMD', 'test', '-e', '/tmp/up'], interval: 500, retries: 40 })
  .withWaitStrategy(Wait.forHealthCheck())
  .start()
await healthy.restart({ timeout: 0 })
await healthy.stop({ timeout: 0 })
await web.stop({ timeout: 0 })
await network.stop()
clearInterval(alive)
console.log('ok')
