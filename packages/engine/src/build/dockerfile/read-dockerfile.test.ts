import { expect, test } from 'vitest'
import { readDockerfile } from './read-dockerfile.ts'

const read = (text: string) =>
  readDockerfile(text).instructions.map(({ keyword, text: rest, flags, heredocs }) => [
    keyword,
    Object.fromEntries(flags),
    rest,
    ...heredocs,
  ])

test('comments, continuations, flags and directives', () => {
  const text = `# escape=\\\n# a comment\nfrom --platform=linux/amd64 busybox AS b\nRUN echo a && \\\n  # no part of it\n\n  echo b\n\nCOPY --chown=1:2 --from=b a /b/`
  expect(read(text)).toEqual([
    ['FROM', { platform: 'linux/amd64' }, 'busybox AS b'],
    ['RUN', {}, 'echo a &&   echo b'],
    ['COPY', { chown: '1:2', from: 'b' }, 'a /b/'],
  ])
  expect(readDockerfile('# escape=`\nFROM a`\nb').instructions[0]?.text).toBe('ab')
})

test('here-documents, several of one instruction, with and without replacement', () => {
  const text =
    'FROM a\nRUN <<EOF\necho 1\n\necho $A\nEOF\nCOPY <<one <<-"two" /dst/\n1\none\n\t2 $A\ntwo\nRUN cat <<EOF > /x\nhi\nEOF\nRUN echo $((1<<2))\n'
  expect(read(text)).toEqual([
    ['FROM', {}, 'a'],
    ['RUN', {}, '<<EOF', { name: 'EOF', content: 'echo 1\n\necho $A\n', expand: true }],
    ['COPY', {}, '<<one <<-"two" /dst/', { name: 'one', content: '1\n', expand: true }, { name: 'two', content: '2 $A\n', expand: false }],
    ['RUN', {}, 'cat <<EOF > /x', { name: 'EOF', content: 'hi\n', expand: true }],
    ['RUN', {}, 'echo $((1<<2))'],
  ])
})

test('what is no Dockerfile is refused with its line', () => {
  expect(() => readDockerfile('')).toThrow('empty')
  expect(() => readDockerfile('FROM a\nNONSENSE x\n')).toThrow('line 2: unknown instruction: NONSENSE')
})
