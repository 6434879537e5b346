/** Docker Hub is named docker.io in references and answers elsewhere. @see https://docs.docker.com/reference/api/registry/ */
export const DOCKER_HUB_API = "registry-1.docker.io";
export const DOCKER_HUB_TOKEN_HOST = "auth.docker.io";
