/** The elements of the FHIR resources that a token may carry, in DSTU2 and STU3. */
import type { FhirRelease } from './format.ts'

/** The elements of a type by name, each with its own type. `*` marks a list. */
export type Elements = Readonly<Record<string, string>>

/** Elements that every resource has. */
export const RESOURCE_ELEMENTS: Elements = {
  resourceType: 'string',
  id: 'string',
  implicitRules: 'string',
  language: 'string',
  meta: 'Meta',
  contained: 'any*',
  extension: 'Extension*',
  modifierExtension: 'Extension*',
  text: 'Narrative',
}

/** Elements that every data type has. */
export const DATA_TYPE_ELEMENTS: Elements = { id: 'string', extension: 'Extension*', modifierExtension: 'Extension*' }

const DATA_TYPES: Readonly<Record<string, Elements>> = {
  Meta: { versionId: 'string', lastUpdated: 'string', profile: 'string*', security: 'Coding*', tag: 'Coding*' },
  Narrative: { status: 'string', div: 'string' },
  Coding: { system: 'string', version: 'string', code: 'string', display: 'string', userSelected: 'boolean' },
  CodeableConcept: { coding: 'Coding*', text: 'string' },
  Period: { start: 'string', end: 'string' },
  Identifier: {
    use: 'string',
    type: 'CodeableConcept',
    system: 'string',
    value: 'string',
    period: 'Period',
    assigner: 'Reference',
  },
  Reference: { reference: 'string', identifier: 'Identifier', display: 'string' },
  HumanName: {
    use: 'string',
    text: 'string',
    family: 'string',
    given: 'string*',
    prefix: 'string*',
    suffix: 'string*',
    period: 'Period',
  },
  ContactPoint: { system: 'string', value: 'string', use: 'string', rank: 'number', period: 'Period' },
  Address: {
    use: 'string',
    type: 'string',
    text: 'string',
    line: 'string*',
    city: 'string',
    district: 'string',
    state: 'string',
    postalCode: 'string',
    country: 'string',
    period: 'Period',
  },
  Annotation: { authorReference: 'Reference', authorString: 'string', time: 'string', text: 'string' },
  Attachment: {
    contentType: 'string',
    language: 'string',
    data: 'string',
    url: 'string',
    size: 'number',
    hash: 'string',
    title: 'string',
    creation: 'string',
  },
  OrganizationContact: { purpose: 'CodeableConcept', name: 'HumanName', telecom: 'ContactPoint*', address: 'Address' },
  Qualification: { identifier: 'Identifier*', code: 'CodeableConcept', period: 'Period', issuer: 'Reference' },
}

const STU3: Readonly<Record<string, Elements>> = {
  ...DATA_TYPES,
  Udi: {
    deviceIdentifier: 'string',
    name: 'string',
    jurisdiction: 'string',
    carrierHRF: 'string',
    carrierAIDC: 'string',
    issuer: 'string',
    entryType: 'string',
  },
  Device: {
    identifier: 'Identifier*',
    udi: 'Udi',
    status: 'string',
    type: 'CodeableConcept',
    lotNumber: 'string',
    manufacturer: 'string',
    manufactureDate: 'string',
    expirationDate: 'string',
    model: 'string',
    version: 'string',
    patient: 'Reference',
    owner: 'Reference',
    contact: 'ContactPoint*',
    location: 'Reference',
    url: 'string',
    note: 'Annotation*',
    safety: 'CodeableConcept*',
  },
  Organization: {
    identifier: 'Identifier*',
    active: 'boolean',
    type: 'CodeableConcept*',
    name: 'string',
    alias: 'string*',
    telecom: 'ContactPoint*',
    address: 'Address*',
    partOf: 'Reference',
    contact: 'OrganizationContact*',
    endpoint: 'Reference*',
  },
  Practitioner: {
    identifier: 'Identifier*',
    active: 'boolean',
    name: 'HumanName*',
    telecom: 'ContactPoint*',
    address: 'Address*',
    gender: 'string',
    birthDate: 'string',
    photo: 'Attachment*',
    qualification: 'Qualification*',
    communication: 'CodeableConcept*',
  },
}

const DSTU2: Readonly<Record<string, Elements>> = {
  ...DATA_TYPES,
  Reference: { reference: 'string', display: 'string' },
  HumanName: { ...DATA_TYPES['HumanName'], family: 'string*' },
  PractitionerRole: {
    managingOrganization: 'Reference',
    role: 'CodeableConcept',
    specialty: 'CodeableConcept*',
    period: 'Period',
    location: 'Reference*',
    healthcareService: 'Reference*',
  },
  Device: {
    identifier: 'Identifier*',
    type: 'CodeableConcept',
    note: 'Annotation*',
    status: 'string',
    manufacturer: 'string',
    model: 'string',
    version: 'string',
    manufactureDate: 'string',
    expiry: 'string',
    udi: 'string',
    lotNumber: 'string',
    owner: 'Reference',
    location: 'Reference',
    patient: 'Reference',
    contact: 'ContactPoint*',
    url: 'string',
  },
  Organization: {
    identifier: 'Identifier*',
    active: 'boolean',
    type: 'CodeableConcept',
    name: 'string',
    telecom: 'ContactPoint*',
    address: 'Address*',
    partOf: 'Reference',
    contact: 'OrganizationContact*',
  },
  Practitioner: {
    identifier: 'Identifier*',
    active: 'boolean',
    name: 'HumanName',
    telecom: 'ContactPoint*',
    address: 'Address*',
    gender: 'string',
    birthDate: 'string',
    photo: 'Attachment*',
    practitionerRole: 'PractitionerRole*',
    qualification: 'Qualification*',
    communication: 'CodeableConcept*',
  },
  Patient: {
    identifier: 'Identifier*',
    active: 'boolean',
    name: 'HumanName*',
    telecom: 'ContactPoint*',
    gender: 'string',
    birthDate: 'string',
    deceasedBoolean: 'boolean',
    deceasedDateTime: 'string',
    address: 'Address*',
    maritalStatus: 'CodeableConcept',
    multipleBirthBoolean: 'boolean',
    multipleBirthInteger: 'number',
    photo: 'Attachment*',
    contact: 'any*',
    animal: 'any',
    communication: 'any*',
    careProvider: 'Reference*',
    managingOrganization: 'Reference',
    link: 'any*',
  },
}

/** The types of each release. */
export const ELEMENTS: Readonly<Record<FhirRelease, Readonly<Record<string, Elements>>>> = { DSTU2, STU3 }

/** Every resource type of STU3. It distinguishes a wrong resource (BAD_REQUEST) from one that is not FHIR. */
export const STU3_RESOURCES: ReadonlySet<string> = new Set(
  `Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic Binary
  BodySite Bundle CapabilityStatement CarePlan CareTeam ChargeItem Claim ClaimResponse ClinicalImpression CodeSystem
  Communication CommunicationRequest CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage
  DataElement DetectedIssue Device DeviceComponent DeviceMetric DeviceRequest DeviceUseStatement DiagnosticReport
  DocumentManifest DocumentReference EligibilityRequest EligibilityResponse Encounter Endpoint EnrollmentRequest
  EnrollmentResponse EpisodeOfCare ExpansionProfile ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition
  Group GuidanceResponse HealthcareService ImagingManifest ImagingStudy Immunization ImmunizationRecommendation
  ImplementationGuide Library Linkage List Location Measure MeasureReport Media Medication MedicationAdministration
  MedicationDispense MedicationRequest MedicationStatement MessageDefinition MessageHeader NamingSystem NutritionOrder
  Observation OperationDefinition OperationOutcome Organization Parameters Patient PaymentNotice PaymentReconciliation
  Person PlanDefinition Practitioner PractitionerRole Procedure ProcedureRequest ProcessRequest ProcessResponse
  Provenance Questionnaire QuestionnaireResponse ReferralRequest RelatedPerson RequestGroup ResearchStudy
  ResearchSubject RiskAssessment Schedule SearchParameter Sequence ServiceDefinition Slot Specimen StructureDefinition
  StructureMap Subscription Substance SupplyDelivery SupplyRequest Task TestReport TestScript ValueSet
  VisionPrescription`.split(/\s+/),
)
