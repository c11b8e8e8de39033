/** An OCSP responder for tests that sends the given answer. */

import { webcrypto } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { Holder } from './pki.ts'

/** The answer of the responder. Times are in seconds relative to now. */
export interface OcspAnswer {
  readonly status: 'good' | 'revoked' | 'unknown'
  readonly thisUpdate?: number
  readonly nextUpdate?: number
  readonly signer: Holder
  /** Sends no answer. */
  readonly silent?: boolean
  /** Answers for another certificate. */
  readonly otherSerial?: boolean
}

/** A responder on a port of the loopback address. */
export class OcspResponder implements AsyncDisposable {
  readonly url: string
  answer: OcspAnswer
  asked = 0
  readonly #server: Server

  private constructor(server: Server, answer: OcspAnswer) {
    this.#server = server
    this.answer = answer
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    server.on('request', async (request, response) => {
      this.asked += 1
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      if (this.answer.silent === true) return
      response.setHeader('Content-Type', 'application/ocsp-response')
      response.end(await respond(Buffer.concat(chunks), this.answer))
    })
  }

  static async start(answer: OcspAnswer): Promise<OcspResponder> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new OcspResponder(server, answer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

async function respond(request: Buffer, answer: OcspAnswer): Promise<Buffer> {
  pkijs.setEngine('node', new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto as never }))
  const asked = pkijs.OCSPRequest.fromBER(new Uint8Array(request).buffer)
  const certId = asked.tbsRequest.requestList[0]?.reqCert
  const certificate = pkijs.Certificate.fromBER(answer.signer.certificate.rawData)
  const basic = new pkijs.BasicOCSPResponse()
  basic.tbsResponseData.responderID = certificate.subject
  basic.tbsResponseData.producedAt = new Date()
  const single = new pkijs.SingleResponse()
  if (certId !== undefined) single.certID = certId
  if (answer.otherSerial === true) single.certID.serialNumber = new asn1js.Integer({ value: 7 })
  single.certStatus = statusOf(answer.status)
  single.thisUpdate = seconds(answer.thisUpdate ?? -60)
  if (answer.nextUpdate !== undefined) single.nextUpdate = seconds(answer.nextUpdate)
  basic.tbsResponseData.responses.push(single)
  await basic.sign(answer.signer.keys.privateKey as never, 'SHA-256')
  const response = new pkijs.OCSPResponse()
  response.responseStatus.valueBlock.valueDec = 0
  response.responseBytes = new pkijs.ResponseBytes({
    responseType: '1.3.6.1.5.5.7.48.1.1',
    response: new asn1js.OctetString({ valueHex: basic.toSchema().toBER(false) }),
  })
  return Buffer.from(response.toSchema().toBER(false))
}

function statusOf(status: OcspAnswer['status']): asn1js.Primitive | asn1js.Constructed {
  if (status === 'good') return new asn1js.Primitive({ idBlock: { tagClass: 3, tagNumber: 0 } })
  if (status === 'unknown') return new asn1js.Primitive({ idBlock: { tagClass: 3, tagNumber: 2 } })
  return new asn1js.Constructed({
    idBlock: { tagClass: 3, tagNumber: 1 },
    value: [new asn1js.GeneralizedTime({ valueDate: seconds(-3600) })],
  })
}

function seconds(count: number): Date {
  return new Date(Date.now() + count * 1000)
}
