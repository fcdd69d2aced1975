import { randomInt } from 'node:crypto'

const adjectives =
  'agile amber bold brave brisk bright calm candid clever cosy crisp curious daring deft eager early fair fleet fond frank gentle glad golden grand happy hardy honest jolly keen kind lively lucid lucky mellow merry mild modest neat nimble noble patient placid plucky polite proud quick quiet rapid ready robust rosy serene sharp silver sleek smart snug solid sound spry steady still sturdy sunny sure swift tidy tranquil trusty upbeat vivid warm willing wise witty young zesty'.split(
    ' ',
  )
const nouns =
  'anchor arch badger barge beacon beaver bison bridge brook buoy canal canyon cedar cliff comet condor coral crane creek dolphin dune eagle elm ember falcon ferry finch fjord forge fox garnet glacier gull harbor hawk heron hill ibis island jetty kestrel kite lagoon lake lantern lark ledge lemur lighthouse linden lock lynx magpie maple marlin marten meadow mesa moor moose oak ocean orca otter owl panda pelican petrel pier pine plover pond puffin quay raven reef ridge river robin rook rowan sail salmon seal shore sparrow spruce stone stork swan teal tern thrush tide trout valley vole walrus wharf willow wren'.split(
    ' ',
  )

/** A random name such as `calm_otter` that `taken` does not know; with a number behind it when many are. */
export function randomName(taken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const name = `${pick(adjectives)}_${pick(nouns)}${attempt < 6 ? '' : randomInt(10 ** Math.min(attempt - 4, 9))}`
    if (!taken(name)) return name
  }
}

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)] as string
}
