// The server to talk to, as the test that runs these scripts names it.

export const { BASE_URL: baseURL, API_KEY: apiKey } = process.env;
export const model = "tiny";
export const question = "Where shall we go?";
