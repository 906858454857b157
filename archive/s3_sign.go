package archive

import (
	"context"
	"strings"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
)

// secure reports whether TLS guards what is sent.
func (s *S3) secure() bool {
	return s.cfg.Endpoint == "" || strings.HasPrefix(s.cfg.Endpoint, "https:")
}

// unsigned leaves a body out of its request's signature, where TLS guards it.
// Its checksum is among the headers that are signed; the SHA-256 of every body
// would cost more than all the rest of sending.
func unsigned(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}

// signed has a body's SHA-256 in the signature, which spares the SDK a reading
// of its own.
func signed(sha256 string) func(o *s3.Options) {
	return func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("SHA256OfPart", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(v4.SetPayloadHash(ctx, sha256), in)
			}), middleware.Before)
		})
	}
}
