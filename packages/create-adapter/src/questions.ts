/** Asks on a terminal for what the command line did not say. */
import { basename, resolve } from 'node:path'
import { group, select, text } from '@clack/prompts'
import { type Choices, DEFAULTS, formNames, formsProblem, nameFor, nameProblem, RUNNERS, TARGETS } from './choices.ts'
import type { Options } from './options.ts'

/** Returns the choices, or undefined if the person gave up. */
export async function ask({ folder, name, forms, target, tests }: Options['chosen']): Promise<Choices | undefined> {
  // Some terminals do not say how wide they are; each character would get a line of its own.
  process.stdout.columns ||= 80
  try {
    const answers = await group(
      {
        folder: async () =>
          folder ??
          (await text({
            message: 'What is the name of the project?',
            placeholder: DEFAULTS.folder,
            defaultValue: DEFAULTS.folder,
            validate: (value) => (value ? nameProblem(nameFor(value)) : undefined),
          })),
        forms: async () =>
          forms?.join(',') ??
          (await text({
            message: 'Which forms does it receive? Separate them with commas.',
            placeholder: DEFAULTS.forms.join(', '),
            defaultValue: DEFAULTS.forms.join(', '),
            validate: (value) => (value ? formsProblem(formNames([value])) : undefined),
          })),
        target: async () =>
          target ?? (await select({ message: 'Where does it hand them to?', options: list(TARGETS) })),
        tests: async () => tests ?? (await select({ message: 'What runs its tests?', options: list(RUNNERS) })),
      },
      {
        onCancel: () => {
          throw new GivenUp()
        },
      },
    )
    return {
      folder: answers.folder,
      name: name ?? nameFor(basename(resolve(answers.folder))),
      forms: formNames([answers.forms]),
      target: answers.target,
      tests: answers.tests,
    }
  } catch (error) {
    if (error instanceof GivenUp) return undefined
    throw error
  }
}

class GivenUp extends Error {}

function list<Word extends string>(words: Readonly<Record<Word, string>>): { value: Word; label: string }[] {
  return (Object.keys(words) as Word[]).map((value) => ({ value, label: words[value] }))
}
