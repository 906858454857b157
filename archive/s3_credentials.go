package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// errCredentials says that there is nothing to sign a request with.
var errCredentials = errors.New("no credentials to be had")

// credentialsError is errCredentials with the SDK's reason.
type credentialsError struct{ err error }

func (c *credentialsError) Error() string {
	return errCredentials.Error() + ": " + printable(c.err.Error())
}
func (c *credentialsError) Unwrap() []error { return []error{errCredentials, c.err} }

// credentials come from the files alone, or from the SDK's default chain with
// all that it looks at.
func (c *S3Config) credentials(ctx context.Context) (aws.CredentialsProvider, error) {
	if c.AccessKeyFile == "" {
		return c.chain(ctx)
	}
	key, err := secret(c.AccessKeyFile)
	if err != nil {
		return nil, fmt.Errorf("store %s: access_key_file: %w", c.Name, err)
	}
	sec, err := secret(c.SecretKeyFile)
	if err != nil {
		return nil, fmt.Errorf("store %s: secret_key_file: %w", c.Name, err)
	}
	return credentials.NewStaticCredentialsProvider(key, sec, ""), nil
}

// chain is the SDK's. What it finds is kept until it expires, and then asked
// for again.
func (c *S3Config) chain(ctx context.Context) (aws.CredentialsProvider, error) {
	set := []func(*config.LoadOptions) error{config.WithRegion(c.Region)}
	if c.Profile != "" {
		set = append(set, config.WithSharedConfigProfile(c.Profile))
	}
	if c.SharedConfigFile != "" {
		if _, err := os.Stat(c.SharedConfigFile); err != nil {
			return nil, fmt.Errorf("store %s: shared_config_file: %w", c.Name, err)
		}
		// One file, whichever of the two kinds it is.
		set = append(set, config.WithSharedConfigFiles([]string{c.SharedConfigFile}), config.WithSharedCredentialsFiles([]string{c.SharedConfigFile}))
	}
	base, err := config.LoadDefaultConfig(ctx, set...)
	if err != nil {
		return nil, fmt.Errorf("store %s: look for AWS credentials: %w", c.Name, err)
	}
	return marked{base.Credentials}, nil
}

// marked marks the chain's errors, so that they are not taken for the server's.
type marked struct{ aws.CredentialsProvider }

func (t marked) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := t.CredentialsProvider.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		return got, &credentialsError{err}
	}
	return got, err
}

// secret reads a file of one line.
func secret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	s := strings.TrimSpace(string(b))
	if s == "" || strings.ContainsAny(s, "\r\n") {
		return "", fmt.Errorf("%s does not hold exactly one line; write the key into it and nothing else", path)
	}
	return s, nil
}
