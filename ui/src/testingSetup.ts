// The client of the API keeps the function that it finds when it is made: tests of the page say later what it answers.
const real = globalThis.fetch;
globalThis.fetch = (request, init) => (globalThis.exporterAnswers ?? real)(request, init);
