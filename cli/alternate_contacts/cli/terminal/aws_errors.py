"""What an error of botocore or of AWS's sign-in services means, and what the operator does about it.

Every class of ``botocore.exceptions`` is either in `BOTOCORE_ERRORS` or in `INTERNAL_ERRORS`. A test walks the classes.
"""

from collections.abc import Mapping
from types import MappingProxyType

from botocore import exceptions as aws

from alternate_contacts.worker.error_codes import EXPIRED_CREDENTIALS

NOT_FROM_AWS = (
    "The response is not from AWS: a proxy, a sign-in page of the network or another program sent it. Check the "
    "network and proxy of this machine, and the variable AWS_ENDPOINT_URL."
)
INVALID_CONFIGURATION = (
    "The AWS configuration of this machine is invalid. Check the environment variables that begin with AWS_, and the "
    "profile in ~/.aws/config. An endpoint URL, as in AWS_ENDPOINT_URL, begins with http:// or https://."
)
INVALID_CREDENTIALS = (
    "The credentials of this profile cannot be loaded. Check the profile in ~/.aws/config and ~/.aws/credentials. If "
    "it has credential_process, run that command: it must print credentials as JSON."
)

_NO_CREDENTIALS = (
    "No AWS credentials found. Choose a profile of the management account with --profile, or sign in first "
    "(`aws sso login`, `aws login`, or environment variables)."
)
_SIGN_IN_WITH_SSO = "The SSO session of this profile has expired or is missing. Run `aws sso login` with this profile."
_SIGN_IN = "The sign-in of this profile has expired or is missing. Run `aws login` with this profile."
_NO_CONNECTION = "No connection to AWS. Check the network and proxy of this machine, and --region if you set it."
_BROKEN_CONNECTION = "The connection to AWS broke. Check the network and proxy of this machine, then try again."
_NO_INSTANCE_CREDENTIALS = (
    "The credentials of this instance or container cannot be read from its metadata endpoint. Check the role of the "
    "instance or container, or choose a profile with --profile."
)
_INVALID_REGION = "The name of the region is invalid. Omit --region, or use a name such as us-east-1."
_NO_ENDPOINT = (
    "AWS has no endpoint for this service, region and setting. Omit --region, and check the settings use_fips_endpoint "
    "and use_dualstack_endpoint of the profile."
)

CREDENTIAL_ERRORS: Mapping[type[Exception], str] = MappingProxyType(
    {
        aws.NoCredentialsError: _NO_CREDENTIALS,
        aws.PartialCredentialsError: "The credentials are incomplete: {cred_var} is missing in {provider}. Add it, "
        "or choose another profile with --profile.",
        aws.NoAuthTokenError: _SIGN_IN_WITH_SSO,
        aws.CredentialRetrievalError: INVALID_CREDENTIALS,
        aws.TokenRetrievalError: _SIGN_IN_WITH_SSO,
        aws.SSOError: _SIGN_IN_WITH_SSO,
        aws.SSOTokenLoadError: _SIGN_IN_WITH_SSO,
        aws.UnauthorizedSSOTokenError: _SIGN_IN_WITH_SSO,
        aws.LoginError: _SIGN_IN,
        aws.LoginRefreshRequired: _SIGN_IN,
        aws.LoginTokenLoadError: _SIGN_IN,
        aws.LoginAuthorizationCodeError: _SIGN_IN,
        aws.LoginInsufficientPermissions: "AWS does not renew the sign-in of this profile. The user needs the "
        "permission signin:CreateOAuth2Token; then run `aws login` with this profile.",
        aws.MissingDependencyException: "The sign-in of this profile needs the AWS Common Runtime. Install the command "
        'again, or add the runtime: `pip install "botocore[crt]"`.',
        aws.RefreshWithMFAUnsupportedError: "The credentials have expired, and the profile asks for an MFA code to "
        "renew them. Run the command again.",
        aws.MetadataRetrievalError: _NO_INSTANCE_CREDENTIALS,
        aws.UnknownCredentialError: INVALID_CREDENTIALS,
        aws.UnknownTokenProviderError: INVALID_CREDENTIALS,
        aws.InfiniteLoopConfigError: "The profile refers to itself. Check source_profile in ~/.aws/config.",
    }
)
"""Errors of the credentials, by class."""

BOTOCORE_ERRORS: Mapping[type[Exception], str] = MappingProxyType(
    {
        **CREDENTIAL_ERRORS,
        # The profile and the configuration.
        aws.ProfileNotFound: "AWS profile {profile} does not exist. `aws configure list-profiles` lists your profiles.",
        aws.ConfigParseError: "The AWS configuration file {path} cannot be read. Correct its syntax.",
        aws.ConfigNotFound: "The AWS configuration file {path} does not exist. Check the variable AWS_CONFIG_FILE.",
        aws.InvalidConfigError: INVALID_CONFIGURATION,
        aws.InvalidIMDSEndpointError: INVALID_CONFIGURATION,
        aws.InvalidIMDSEndpointModeError: INVALID_CONFIGURATION,
        aws.InvalidRetryConfigurationError: INVALID_CONFIGURATION,
        aws.InvalidMaxRetryAttemptsError: INVALID_CONFIGURATION,
        aws.InvalidRetryModeError: INVALID_CONFIGURATION,
        aws.InvalidSTSRegionalEndpointsConfigError: INVALID_CONFIGURATION,
        aws.InvalidS3UsEast1RegionalEndpointConfigError: INVALID_CONFIGURATION,
        aws.InvalidS3AddressingStyleError: INVALID_CONFIGURATION,
        aws.InvalidEndpointDiscoveryConfigurationError: INVALID_CONFIGURATION,
        aws.InvalidEndpointConfigurationError: INVALID_CONFIGURATION,
        aws.InvalidProxiesConfigError: INVALID_CONFIGURATION,
        aws.InvalidDefaultsMode: INVALID_CONFIGURATION,
        aws.InvalidChecksumConfigError: INVALID_CONFIGURATION,
        aws.UnsupportedS3ConfigurationError: INVALID_CONFIGURATION,
        aws.UnknownSignatureVersionError: INVALID_CONFIGURATION,
        aws.UnsupportedSignatureVersionError: INVALID_CONFIGURATION,
        # The installed AWS SDK.
        aws.DataNotFoundError: "The AWS SDK lacks the description of a service. Install the command again, and check "
        "the variable AWS_DATA_PATH.",
        aws.UnknownServiceError: "The AWS SDK of this installation is too old. Install the command again.",
        aws.ApiVersionNotFoundError: "The AWS SDK lacks the configured version of a service. Remove api_versions from "
        "the profile in ~/.aws/config.",
        aws.UnsupportedServiceProtocolsError: "The AWS SDK of this installation is too old. Install the command again.",
        # The region and the endpoint.
        aws.InvalidRegionError: _INVALID_REGION,
        aws.UnknownRegionError: _INVALID_REGION,
        aws.NoRegionError: "A region is needed. Use --region, or set region in the profile.",
        aws.ServiceNotInRegionError: _NO_ENDPOINT,
        aws.BaseEndpointResolverError: _NO_ENDPOINT,
        aws.EndpointVariantError: _NO_ENDPOINT,
        aws.UnknownEndpointError: _NO_ENDPOINT,
        aws.UnknownFIPSEndpointError: _NO_ENDPOINT,
        aws.EndpointProviderError: _NO_ENDPOINT,
        aws.EndpointResolutionError: _NO_ENDPOINT,
        aws.UnknownEndpointResolutionBuiltInName: _NO_ENDPOINT,
        # The connection.
        aws.HTTPClientError: _NO_CONNECTION,
        aws.ConnectionError: _NO_CONNECTION,
        aws.EndpointConnectionError: _NO_CONNECTION,
        aws.ConnectTimeoutError: _NO_CONNECTION,
        aws.ReadTimeoutError: _NO_CONNECTION,
        aws.ConnectionClosedError: _BROKEN_CONNECTION,
        aws.ResponseStreamingError: _BROKEN_CONNECTION,
        aws.IncompleteReadError: _BROKEN_CONNECTION,
        aws.ChecksumError: _BROKEN_CONNECTION,
        aws.FlexibleChecksumError: _BROKEN_CONNECTION,
        aws.ProxyConnectionError: "No connection to the proxy. Check the variables HTTPS_PROXY and HTTP_PROXY; "
        "NO_PROXY names the hosts that need no proxy.",
        aws.SSLError: "The certificate of the endpoint is not trusted. If a proxy of your network inspects TLS, set "
        "AWS_CA_BUNDLE to the file with its certificate authority.",
        aws.CapacityNotAvailableError: "AWS throttled the calls: try again in a minute.",
        # The arguments of the command.
        aws.ParamValidationError: "The request to AWS is invalid. Check the arguments of the command.",
        aws.InvalidDNSNameError: "The name of the bucket is invalid. Check --bucket.",
        aws.InvalidHostLabelError: "The request to AWS is invalid. Check the arguments of the command.",
        aws.UnsupportedS3ArnError: "The name of the bucket is invalid. Check --bucket.",
        aws.UnsupportedS3AccesspointConfigurationError: "The name of the bucket is invalid. Check --bucket.",
        aws.UnsupportedOutpostResourceError: "The name of the bucket is invalid. Check --bucket.",
    }
)
"""What happened and the next step, by class. Names in braces are arguments of the error."""

INTERNAL_ERRORS: frozenset[type[Exception]] = frozenset(
    {
        # The base classes, of which botocore raises only subclasses that this release does not know.
        aws.BotoCoreError,
        # A call that this command writes wrongly.
        aws.MissingParametersError,
        aws.ValidationError,
        aws.UnknownKeyError,
        aws.RangeError,
        aws.UnknownParameterError,
        aws.AliasConflictParameterError,
        aws.UnknownClientMethodError,
        aws.OperationNotPageableError,
        aws.InvalidExpressionError,
        aws.PaginationError,
        aws.UnseekableStreamError,
        aws.AwsChunkedWrapperError,
        # Parts of botocore that this command does not use.
        aws.EventStreamError,
        aws.WaiterError,
        aws.WaiterConfigError,
        aws.UnsupportedS3ControlArnError,
        aws.UnsupportedS3ControlConfigurationError,
        aws.StubResponseError,
        aws.StubAssertionError,
        aws.UnStubbedResponseError,
        # Faults of botocore itself.
        aws.MD5UnavailableError,
        aws.UnknownServiceStyle,
        aws.UndefinedModelAttributeError,
        aws.MissingServiceIdError,
    }
)
"""Classes that mean a fault of this command or of botocore. The operator cannot fix it, only report it."""

EXPIRED = "The AWS credentials have expired: sign in to the management account again."
_UNKNOWN_CREDENTIALS = (
    "AWS does not know these credentials: check the profile and its access keys, and that --region is in the "
    "partition of the credentials (China is a partition of its own)."
)
_CLIENT_EXPIRED = "AWS no longer accepts the sign-in of this profile: run `aws sso login` with this profile."
_RESTART_SIGN_IN = "AWS rejected the sign-in: run `aws sso login` with this profile."
_TRY_AGAIN = "The AWS service is unavailable: try again later."
_THROTTLED = "AWS throttled the call: try again in a minute."

ERROR_CODES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(EXPIRED_CREDENTIALS, EXPIRED),
        "RequestExpired": "The request is too old for AWS: correct the clock of this machine, or sign in again.",
        "RequestTimeTooSkewed": "The clock of this machine is wrong: correct it.",
        "InvalidClientTokenId": _UNKNOWN_CREDENTIALS,
        "InvalidAccessKeyId": _UNKNOWN_CREDENTIALS,
        "UnrecognizedClientException": _UNKNOWN_CREDENTIALS,
        "SignatureDoesNotMatch": _UNKNOWN_CREDENTIALS,
        "InvalidSignatureException": _UNKNOWN_CREDENTIALS,
        "IncompleteSignature": _UNKNOWN_CREDENTIALS,
        "MissingAuthenticationToken": _UNKNOWN_CREDENTIALS,
        "MissingAuthenticationTokenException": _UNKNOWN_CREDENTIALS,
        "AuthFailure": _UNKNOWN_CREDENTIALS,
        "InvalidToken": _UNKNOWN_CREDENTIALS,
        "OptInRequired": "This region is not enabled in the account: omit --region.",
        "AWSOrganizationsNotInUseException": "The account of these credentials is not in an organization: use "
        "credentials of the management account.",
    }
)
"""The next step by AWS error code, of any service.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

_ASSUME_ROLE_DENIED = (
    "AWS does not let the credentials of the source profile assume this role: check role_arn, mfa_serial and "
    "external_id of the profile, and the trust policy of the role."
)
_INVALID_ROLE = "AWS rejects the settings of this profile: check role_arn, mfa_serial and duration_seconds."
_INVALID_WEB_IDENTITY = "AWS rejects the token in web_identity_token_file: get a new one from the identity provider."
_INVALID_SSO_SETTINGS = (
    "AWS rejects the SSO settings of this profile: check sso_start_url, sso_region and the scopes in ~/.aws/config."
)
_NOT_ASSIGNED = (
    "The permission set of this profile is not assigned to you in this account: check sso_account_id and "
    "sso_role_name, or ask the administrator of IAM Identity Center for the assignment."
)

SIGN_IN_CODES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "sts": {
            "AccessDenied": _ASSUME_ROLE_DENIED,
            "ValidationError": _INVALID_ROLE,
            "MalformedPolicyDocument": _INVALID_ROLE,
            "PackedPolicyTooLarge": _INVALID_ROLE,
            "SessionDurationEscalationException": _INVALID_ROLE,
            "RegionDisabledException": "STS is not enabled in this region: omit --region.",
            "ExpiredTokenException": EXPIRED,
            "ExpiredTradeInTokenException": EXPIRED,
            "IDPCommunicationError": "STS cannot reach the identity provider: try again later.",
            "IDPRejectedClaim": _INVALID_WEB_IDENTITY,
            "InvalidIdentityToken": _INVALID_WEB_IDENTITY,
            "JWTPayloadSizeExceededException": _INVALID_WEB_IDENTITY,
            "OutboundWebIdentityFederationDisabledException": _INVALID_WEB_IDENTITY,
            "InvalidAuthorizationMessageException": _UNKNOWN_CREDENTIALS,
        },
        "awsssoportal": {
            "ForbiddenException": _NOT_ASSIGNED,
            "AccessDeniedException": _NOT_ASSIGNED,
            "ResourceNotFoundException": _NOT_ASSIGNED,
            "InvalidRequestException": _INVALID_SSO_SETTINGS,
            "UnauthorizedException": _SIGN_IN_WITH_SSO,
            "TooManyRequestsException": _THROTTLED,
        },
        "sso-oauth": {
            "AccessDeniedException": _RESTART_SIGN_IN,
            "AuthorizationPendingException": _RESTART_SIGN_IN,
            "ExpiredTokenException": _CLIENT_EXPIRED,
            "InternalServerException": _TRY_AGAIN,
            "InvalidClientException": _CLIENT_EXPIRED,
            "InvalidClientMetadataException": _INVALID_SSO_SETTINGS,
            "InvalidGrantException": _CLIENT_EXPIRED,
            "InvalidRedirectUriException": _INVALID_SSO_SETTINGS,
            "InvalidRequestException": _INVALID_SSO_SETTINGS,
            "InvalidRequestRegionException": _INVALID_SSO_SETTINGS,
            "InvalidScopeException": _INVALID_SSO_SETTINGS,
            "SlowDownException": _THROTTLED,
            "UnauthorizedClientException": _CLIENT_EXPIRED,
            "UnsupportedGrantTypeException": _INVALID_SSO_SETTINGS,
        },
        "signin": {
            "AccessDeniedException": _SIGN_IN,
            "ConflictException": _SIGN_IN,
            "InternalServerException": _TRY_AGAIN,
            "ResourceNotFoundException": _SIGN_IN,
            "ServiceQuotaExceededException": _THROTTLED,
            "TooManyRequestsError": _THROTTLED,
            "ValidationException": _SIGN_IN,
        },
    }
)
"""The next step by the service that signs in (its name in signatures), and by error code.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors
https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
"""
