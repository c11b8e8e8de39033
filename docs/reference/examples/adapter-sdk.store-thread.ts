/** Examples of the names of @formbuilder/adapter-sdk/store-thread. */
import type { Answer, CrossedError, Question } from '@formbuilder/adapter-sdk/store-thread'

// Question, Answer, CrossedError
{
  // The thread is bundled beside a program, and talks to the store of that program only:
  // npx esbuild main=src/main.ts store-thread=@formbuilder/adapter-sdk/store-thread --bundle ...
  function describe(question: Question, answer: Answer): string {
    if (!('error' in answer)) return `${question.method}: done`
    const error: CrossedError = answer.error
    return `${question.method}: ${error.name} ${error.code ?? ''}`
  }
  console.log(typeof describe)
}
