/** Examples of the names of @formbuilder/adapter-sdk/file-server. */
import {
  type FileStoreOptions,
  type KeptCertificate,
  keptCertificate,
  TestFileStore,
  type Upload,
} from '@formbuilder/adapter-sdk/file-server'
import { makeDevelopmentCertificate } from '@formbuilder/adapter-sdk/testing'

// TestFileStore, Upload
{
  const files = await TestFileStore.start(await makeDevelopmentCertificate())
  const letter: Upload = { filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('Dear all') }
  // The link of a submission: it works for 15 minutes, as the platform's do. ATTACHMENT_HOSTS of the adapter names the host.
  const link = files.link(letter)
  console.log(`ATTACHMENT_HOSTS=${files.origin}`, link.url, files.served)
  await files.stop()
}

// keptCertificate, KeptCertificate, FileStoreOptions
{
  // The same certificate at every start: it is made where it is missing.
  const certificate: KeptCertificate = await keptCertificate('.development')
  const options: FileStoreOptions = { port: 4444, onFetched: (url) => console.log(`fetched: ${url}`) }
  const files = await TestFileStore.start(certificate, Date.now, options)
  console.log(files.origin, certificate.certFile)
}
