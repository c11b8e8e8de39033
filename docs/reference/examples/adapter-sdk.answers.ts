/** Examples of the names of @formbuilder/adapter-sdk/answers. */
import {
  type Address,
  type Answer,
  type AnswersOf,
  absentIfBlank,
  address,
  addressOf,
  answers,
  autocomplete,
  checkboxes,
  date,
  filesOf,
  isoDate,
  multiupload,
  type NamedFile,
  number,
  numberOf,
  optional,
  radios,
  splitList,
  text,
  type Upload,
  upload,
} from '@formbuilder/adapter-sdk/answers'

// answers, AnswersOf, text, autocomplete, number, date, address, upload, multiupload, radios, checkboxes, optional
{
  const fields = {
    yourname_text_1: text,
    court_autocomplete_1: autocomplete,
    howmany_number_1: number,
    itsdate_date_1: date,
    youraddress_address_1: address,
    letter_upload_1: upload,
    photos_multiupload_1: multiupload,
    isurgent_radios_1: radios(['Yes', 'No']),
    about_checkboxes_1: checkboxes(['Delay', 'Cost, and fees']),
    youremail_email_1: optional(text),
  }
  const schema = answers(fields)
  function summary(given: AnswersOf<typeof fields>): string {
    const email: string | undefined = given.youremail_email_1
    return `${given.yourname_text_1}, ${given.itsdate_date_1}, ${given.about_checkboxes_1.join(' and ')}, ${email}`
  }
  console.log(typeof schema, typeof summary)
}

// Answer
{
  const colour: Answer<'red' | 'blue'> = radios(['red', 'blue'])
  console.log(await colour['~standard'].validate('green'))
}

// Address, addressOf
{
  const given = { address_line_one: '1 High Street', city: 'Cardiff', postcode: 'CF10 1AA', country: 'Wales' }
  const entered: Address | undefined = addressOf(given)
  console.log(entered?.city)
}

// isoDate
{
  console.log(isoDate('30 December 2020')) // 2020-12-30
}

// numberOf
{
  console.log(numberOf('1200'), numberOf('07700900123'), numberOf('many')) // 1200 '07700900123' undefined
}

// splitList
{
  console.log(splitList('Delay; Cost')) // [ 'Delay', 'Cost' ]
}

// absentIfBlank
{
  console.log(absentIfBlank('  ')) // undefined
}

// filesOf, NamedFile, Upload
{
  // In a handler: the answer of an upload question, and context.attachments.
  const attachments: NamedFile[] = [{ filename: 'letter.pdf' }, { filename: 'photo.jpg' }]
  const [photo]: Upload[] = filesOf('photo.jpg', attachments)
  console.log(photo?.file?.filename ?? 'the file is missing')
}
